// How often RocksDB held writes back because compaction could not keep pace.
//
// Threads  any.
#pragma once

#include <rocksdb/listener.h>

#include <atomic>
#include <cstdint>

namespace quern::storage {

class WriteStalls final : public rocksdb::EventListener {
 public:
  std::uint64_t slowdowns() const { return slowdowns_.load(std::memory_order_relaxed); }
  std::uint64_t stops() const { return stops_.load(std::memory_order_relaxed); }

  void OnStallConditionsChanged(const rocksdb::WriteStallInfo& info) override {
    using rocksdb::WriteStallCondition;
    if (info.condition.cur == info.condition.prev) return;
    if (info.condition.cur == WriteStallCondition::kDelayed) ++slowdowns_;
    if (info.condition.cur == WriteStallCondition::kStopped) ++stops_;
  }

 private:
  std::atomic<std::uint64_t> slowdowns_{0};
  std::atomic<std::uint64_t> stops_{0};
};

}  // namespace quern::storage
