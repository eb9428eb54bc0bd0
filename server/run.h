// The server, from its configuration to the end of the process: puts the parts together, and takes
// them apart in an order that loses nothing.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "config.h"
#include "quern/storage/rocks_store.h"

namespace quern::server {

// "quernd 0.1.0 (Release, GNU 12.2.0, RocksDB 7.8.3 packaged)"
std::string version_text();

using StoreOpener =
    std::function<Result<std::unique_ptr<storage::Store>>(const storage::RocksOptions&)>;

// The exit status: 0 after a clean stop. `read_again` is asked with every SIGHUP. `open` is another
// one in tests, which put a disk of their own under the store.
int run_server(const Invocation& invocation, const std::function<Result<Invocation>()>& read_again,
               StoreOpener open = storage::open_rocks_store);

}  // namespace quern::server
