// The server, from its configuration to the end of the process: puts the parts together, and takes
// them apart in an order that loses nothing.
#pragma once

#include <string>

#include "config.h"

namespace quern::server {

// "quernd 0.1.0 (Release, GNU 12.2.0, RocksDB 7.8.3 packaged)"
std::string version_text();

// The exit status: 0 after a clean stop.
int run_server(const Config& config);

}  // namespace quern::server
