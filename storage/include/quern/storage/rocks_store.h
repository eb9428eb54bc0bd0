// The Store that survives: RocksDB in a directory, one process at a time.
//
// Threads  as Store. Destroying it closes it: when no other call runs and no snapshot is left.
// Errors   open: store_unavailable (held by another process: the detail says which; no permission;
//          no space), store_corrupt (damaged or incomplete: the detail says which file and what to
//          do, and nothing was changed; not ours; written by a newer format).
// Source   settings: FORMAT.md "How RocksDB is set" gives the reason for each that is not the
// default.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "quern/storage/store.h"

namespace quern::storage {

class BackupSource;

struct RocksOptions {
  std::filesystem::path directory;  // made (0700) when absent
  Durability durability = Durability::fsync;
  std::size_t block_cache_bytes = std::size_t{64} << 20;
  std::size_t write_buffer_bytes = std::size_t{64} << 20;  // of one memtable
  std::size_t manifest_bytes_max = std::size_t{16} << 20;  // then a fresh one is begun
  // Opens a store that lost what was synced, with what is intact before the damage.
  bool accept_data_loss = false;
  // How long a commit took, and its part that was the sync of the log. Called by the thread that
  // commits, at the end of each commit that was tried. May be empty.
  std::function<void(std::chrono::nanoseconds commit, std::chrono::nanoseconds sync)> on_commit =
      {};
  // What opening did that a person should know of, in a sentence. May be empty.
  std::function<void(const std::string& text)> on_notice = {};
  // Filled in while the store is open. May be null: nobody makes backups.
  std::shared_ptr<BackupSource> backup_source = nullptr;
};

Result<std::unique_ptr<Store>> open_rocks_store(const RocksOptions& options);

// As in "RocksDB 7.8.3 (packaged)": for --version, /info and the start-up line.
std::string rocks_version();

}  // namespace quern::storage
