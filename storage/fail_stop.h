// The first failed write is the last: what RocksDB holds in memory and what the disk holds may
// differ from then on.
//
// Threads  any.
#pragma once

#include <rocksdb/listener.h>

#include <atomic>
#include <mutex>
#include <string>

namespace quern::storage {

// Set once, by the first failed write, ours or a background thread's; never cleared.
class FailStop final : public rocksdb::EventListener {
 public:
  bool failed() const { return failed_.load(std::memory_order_acquire); }

  std::string reason() const {
    const std::lock_guard lock(mutex_);
    return reason_;
  }

  void fail(std::string reason) {
    const std::lock_guard lock(mutex_);
    if (failed_.load(std::memory_order_relaxed)) return;
    reason_ = std::move(reason);
    failed_.store(true, std::memory_order_release);
  }

  // A failed flush or compaction loses nothing and is tried again by RocksDB, unless it calls the
  // error fatal.
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* status) override {
    const bool retried = reason == rocksdb::BackgroundErrorReason::kFlush ||
                         reason == rocksdb::BackgroundErrorReason::kCompaction ||
                         reason == rocksdb::BackgroundErrorReason::kFlushNoWAL;
    if (!retried || status->severity() >= rocksdb::Status::kFatalError) fail(status->ToString());
  }

 private:
  std::atomic<bool> failed_{false};
  mutable std::mutex mutex_;
  std::string reason_;
};

}  // namespace quern::storage
