// The server, from its configuration to the end of the process: puts the parts together, and takes
// them apart in an order that loses nothing.
#pragma once

#include <string>

#include "commit_loop.h"
#include "config.h"

namespace quern::server {

// "quernd 0.1.0 (Release, GNU 12.2.0, RocksDB 7.8.3 packaged)"
std::string version_text();

// The store that `config` names.
CommitLoop::OpenStore store_opener(const Config& config);

// The exit status: 0 after a clean stop. `open_store` is another one for tests, which put a disk of
// their own under it.
int run_server(const Config& config, const CommitLoop::OpenStore& open_store);

}  // namespace quern::server
