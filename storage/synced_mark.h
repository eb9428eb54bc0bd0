// How far the log was synced, kept in a file of its own: a log that was emptied, deleted or cut
// short looks to RocksDB like one that never held more. FORMAT.md draws the file.
//
// Threads  MarkKeeper::note(): one thread at a time; it keeps a thread of its own. The rest: none.
// Errors   store_corrupt: the file is there and neither of its slots is whole.
#pragma once

#include <rocksdb/file_system.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "fail_stop.h"
#include "files.h"
#include "quern/storage/store.h"

namespace quern::storage {

class SyncedMark {
 public:
  static constexpr const char* file_name = "synced";

  struct State {
    std::uint64_t sequence = 0;   // RocksDB's: every write up to it was synced
    std::uint64_t first_log = 0;  // number of the log that was begun with this opening
    Durability durability = Durability::fsync;  // how the logs from that one on are written
  };

  // nullopt: there is no such file.
  static Result<std::optional<State>> read(const Files& files, const std::string& directory);
  // Takes the place of the file that is there; durable when it returns.
  static Result<void> replace(const Files& files, const std::string& directory, State state);

  // The file for writing, which must be there.
  static Result<std::unique_ptr<SyncedMark>> open(const Files& files, const std::string& directory);
  // Durable when it returns. A power cut in the middle leaves what was there before.
  rocksdb::IOStatus write(State state);

 private:
  explicit SyncedMark(std::unique_ptr<rocksdb::FSRandomRWFile> file) : file_(std::move(file)) {}

  std::unique_ptr<rocksdb::FSRandomRWFile> file_;
  std::uint64_t generation_ = 0;
};

// Writes the mark some time after what it speaks of was synced, so that no commit waits for it.
class MarkKeeper {
 public:
  // `fail_stop` must outlive it: a mark that cannot be written ends the store's commits.
  MarkKeeper(std::unique_ptr<SyncedMark> mark, SyncedMark::State state,
             std::chrono::milliseconds interval, FailStop& fail_stop);
  // Writes what was noted last, unless a write failed.
  ~MarkKeeper();

  // Every write up to `sequence` is synced. Costs two atomic operations.
  void note(std::uint64_t sequence);

 private:
  void run();
  void write(std::uint64_t sequence);

  const std::unique_ptr<SyncedMark> mark_;
  SyncedMark::State state_;  // as written last; the thread's, and the destructor's after it
  const std::chrono::milliseconds interval_;
  FailStop& fail_stop_;

  std::atomic<std::uint64_t> synced_;
  std::atomic<bool> idle_{false};  // the thread waits for synced_ to change
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace quern::storage
