// Opening a store: making it when there is none, telling damage from what a power cut leaves
// behind.
//
// Threads  none: whoever opens the store.
// Errors   as rocks_store.h.
#pragma once

#include <chrono>
#include <memory>

#include "fail_stop.h"
#include "files.h"
#include "quern/storage/rocks_store.h"
#include "rocks_database.h"
#include "synced_mark.h"
#include "write_stalls.h"

namespace quern::storage {

struct OpenedDatabase {
  std::shared_ptr<FailStop> fail_stop;
  std::shared_ptr<WriteStalls> write_stalls;
  std::unique_ptr<Database> database;
  SyncedMark::State mark;  // what the file `synced` says
  std::string store_id;
};

// The directory exists, is ours and is held by nobody else.
Result<OpenedDatabase> open_or_create(const Files& files, const RocksOptions& options);

// Where RocksDB's own files are.
std::string database_path(const RocksOptions& options);

// A store on the disk of a test: no lock is taken, and options.directory must exist there.
// `mark_interval`: how long a mark may lag behind.
Result<std::unique_ptr<Store>> open_rocks_store_on(const Files& files, const RocksOptions& options,
                                                   std::chrono::milliseconds mark_interval);

}  // namespace quern::storage
