// The real store as tests open it on a faulty disk: in the folder /data, with buffers so small that
// memtables are flushed, logs change and files are compacted all the time.
//
// Threads  as the store's.
// Errors   open_on(): the store's. new_disk() throws.
#pragma once

#include <chrono>
#include <memory>

#include "faulty_disk.h"
#include "quern/storage/rocks_store.h"

namespace quern::storage::test {

// So short that a power cut finds the mark at every age.
inline constexpr std::chrono::milliseconds mark_interval{1};

RocksOptions small_buffers(Durability durability = Durability::fsync);

// An empty disk with that folder.
std::shared_ptr<FaultyDisk> new_disk();

Result<std::unique_ptr<Store>> open_on(const std::shared_ptr<FaultyDisk>& disk,
                                       const RocksOptions& options = small_buffers());

}  // namespace quern::storage::test
