// The Store of tests and simulations: ordered maps in memory that can lose power and fail on
// demand.
//
// Shape    a disk that outlives the store: open a new MemoryStore on the same MemoryDisk to
// "restart".
//          The older store refuses everything from then on, as a killed process would. With
//          Durability::fsync every commit is synced; with Durability::os none is until sync() or
//          the next opening, which syncs what it finds, as RocksDB does.
// Threads  as Store.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "quern/storage/store.h"

namespace quern::storage {

class MemoryDisk;  // what survives the store
std::shared_ptr<MemoryDisk> make_memory_disk();

class MemoryStore final : public Store {
 public:
  MemoryStore();  // on a disk of its own
  MemoryStore(std::shared_ptr<MemoryDisk> disk, Durability durability);
  ~MemoryStore() override;

  Result<bool> get(Table table, std::string_view key, std::string& value) const override;
  Result<void> scan(Table table, const Range& range, const Visitor& visit) const override;
  std::unique_ptr<Reader> snapshot() const override;
  Result<void> commit(const Batch& batch) override;

  std::shared_ptr<MemoryDisk> disk() const;

  // What the next commit does. A failed commit is on the disk or not, as an error of a real disk
  // would leave it; this store does not see it either way, and takes no more commits.
  enum class Fault : std::uint8_t { none, fail_unapplied, fail_applied };
  void fail_next_commit(Fault fault);
  void fail_reads(bool on);
  // Of the disk: while it is full every commit fails, unapplied, and of stores opened later too.
  void fill_disk(bool full);

  void sync();  // all that was committed survives a power cut
  // The store refuses everything after. Of the commits that were not synced the disk keeps the
  // first `kept`, as a log that is torn somewhere would.
  void lose_power(std::size_t kept = 0);
  std::size_t unsynced_count() const;  // commits that a power cut would take
  std::uint64_t commit_count() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace quern::storage
