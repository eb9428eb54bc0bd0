#include "store_on_disk.h"

#include <stdexcept>

#include "rocks_open.h"

namespace quern::storage::test {

RocksOptions small_buffers(Durability durability) {
  return {.directory = "/data",
          .durability = durability,
          .block_cache_bytes = std::size_t{1} << 20,
          .write_buffer_bytes = std::size_t{64} << 10};
}

std::shared_ptr<FaultyDisk> new_disk() {
  auto disk = std::make_shared<FaultyDisk>();
  if (!disk->CreateDir("/data", {}, nullptr).ok() || !sync_folder(files_on(disk), "/")) {
    throw std::runtime_error("a new disk takes no folder");
  }
  return disk;
}

Result<std::unique_ptr<Store>> open_on(const std::shared_ptr<FaultyDisk>& disk,
                                       const RocksOptions& options) {
  return open_rocks_store_on(files_on(disk), options, mark_interval);
}

}  // namespace quern::storage::test
