#include "quern/storage/memory_store.h"

#include <array>
#include <cassert>
#include <map>
#include <mutex>
#include <utility>

namespace quern::storage {
namespace {

using Entries = std::map<std::string, std::string, std::less<>>;

Error unavailable(std::string detail) {
  return Error{.code = ErrorCode::store_unavailable, .detail = std::move(detail)};
}

// The tables as of one instant. Copies share their entries; the first write to a shared table makes
// that table its own copy, so a reader never sees a change and a store nobody reads never copies.
class Tables {
 public:
  Tables() { tables_.fill(std::make_shared<Entries>()); }

  const std::shared_ptr<Entries>& share(Table table) const { return tables_[index(table)]; }

  void apply(const Batch::Write& write) {
    Entries& entries = own(write.table);
    const auto it = entries.find(write.key);
    if (write.value && it != entries.end()) {
      it->second = *write.value;
    } else if (write.value) {
      entries.emplace(write.key, *write.value);
    } else if (it != entries.end()) {
      entries.erase(it);
    }
  }

  // What a write to that key would replace, as the write that would undo it.
  Batch::Write undo_of(const Batch::Write& write) const {
    const Entries& entries = *share(write.table);
    const auto it = entries.find(write.key);
    return {.table = write.table,
            .key = write.key,
            .value = it == entries.end() ? std::nullopt : std::optional(it->second)};
  }

 private:
  Entries& own(Table table) {
    std::shared_ptr<Entries>& entries = tables_[index(table)];
    if (entries.use_count() > 1) entries = std::make_shared<Entries>(*entries);
    return *entries;
  }

  static std::size_t index(Table table) {
    assert(static_cast<std::size_t>(table) < 16);
    return static_cast<std::size_t>(table);
  }

  std::array<std::shared_ptr<Entries>, 16> tables_;
};

bool get_from(const Entries& entries, std::string_view key, std::string& value) {
  const auto it = entries.find(key);
  if (it == entries.end()) return false;
  value = it->second;
  return true;
}

void scan_over(const Entries& entries, const Range& range, const Reader::Visitor& visit) {
  if (!range.end.empty() && range.end <= range.begin) return;
  auto begin = entries.lower_bound(range.begin);
  auto end = range.end.empty() ? entries.end() : entries.lower_bound(range.end);
  if (range.direction == Direction::forward) {
    while (begin != end && visit(begin->first, begin->second)) ++begin;
    return;
  }
  while (begin != end) {
    --end;
    if (!visit(end->first, end->second)) return;
  }
}

}  // namespace

class MemoryDisk {
 public:
  std::mutex mutex;
  Tables tables;
  std::vector<std::vector<Batch::Write>> undo;  // one for each commit that is not synced, in order
  bool full = false;
  std::uint64_t opened_count = 0;  // the store that opened it last owns it
};

namespace {

// What a reader holds on to. It lets go under the disk's mutex: the writer that then finds a table
// unshared, and changes it in place, comes after the reader's last look.
template <typename T>
class Held {
 public:
  Held(std::shared_ptr<MemoryDisk> disk, T held) : disk_(std::move(disk)), held_(std::move(held)) {}
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() {
    const std::lock_guard lock(disk_->mutex);
    held_.reset();
  }

  const T& operator*() const { return held_; }

 private:
  std::shared_ptr<MemoryDisk> disk_;
  T held_;
};

class Snapshot final : public Reader {
 public:
  Snapshot(std::shared_ptr<MemoryDisk> disk, const Tables& tables)
      : tables_(std::move(disk), tables) {}

  Result<bool> get(Table table, std::string_view key, std::string& value) const override {
    return get_from(*(*tables_)->share(table), key, value);
  }
  Result<void> scan(Table table, const Range& range, const Visitor& visit) const override {
    scan_over(*(*tables_)->share(table), range, visit);
    return {};
  }

 private:
  Held<std::optional<Tables>> tables_;
};

// For a snapshot taken while reads fail.
class BrokenSnapshot final : public Reader {
 public:
  explicit BrokenSnapshot(Error error) : error_(std::move(error)) {}

  Result<bool> get(Table, std::string_view, std::string&) const override { return error_; }
  Result<void> scan(Table, const Range&, const Visitor&) const override { return error_; }

 private:
  Error error_;
};

}  // namespace

class MemoryStore::Impl {
 public:
  Impl(std::shared_ptr<MemoryDisk> disk_in, Durability durability_in)
      : disk(std::move(disk_in)), durability(durability_in) {
    const std::lock_guard lock(disk->mutex);
    // As RocksDB does: what recovery finds is rewritten and synced before anything is built on it.
    disk->undo.clear();
    opened_number = ++disk->opened_count;
  }

  // The rest is called with the disk's mutex held.

  Result<void> usable() const {
    if (powerless) return unavailable("the power is off");
    if (opened_number != disk->opened_count) return unavailable("the disk was opened by another");
    return {};
  }

  Result<void> readable() const {
    if (Result<void> ok = usable(); !ok) return ok;
    if (reads_fail) return unavailable("injected read error");
    return {};
  }

  Result<void> writable() const {
    if (Result<void> ok = usable(); !ok) return ok;
    if (failed) return unavailable("a commit failed before; open the store again");
    return {};
  }

  const Tables& visible() const { return frozen ? *frozen : disk->tables; }

  void apply(const Batch& batch, bool synced) {
    if (!synced) disk->undo.emplace_back();
    for (const Batch::Write& write : batch.writes) {
      if (!synced) disk->undo.back().push_back(disk->tables.undo_of(write));
      disk->tables.apply(write);
    }
    if (synced) disk->undo.clear();
  }

  std::shared_ptr<MemoryDisk> disk;
  Durability durability;
  std::uint64_t opened_number = 0;
  Fault fault = Fault::none;
  bool reads_fail = false;
  bool failed = false;
  bool powerless = false;
  std::optional<Tables> frozen;  // after fail_applied: this store no more knows what the disk holds
  std::uint64_t commit_count = 0;
};

std::shared_ptr<MemoryDisk> make_memory_disk() { return std::make_shared<MemoryDisk>(); }

MemoryStore::MemoryStore() : MemoryStore(make_memory_disk(), Durability::fsync) {}

MemoryStore::MemoryStore(std::shared_ptr<MemoryDisk> disk, Durability durability)
    : impl_(std::make_unique<Impl>(std::move(disk), durability)) {}

MemoryStore::~MemoryStore() {
  const std::shared_ptr<MemoryDisk> disk = impl_->disk;  // outlives the lock on it
  const std::lock_guard lock(disk->mutex);
  impl_.reset();
}

Result<bool> MemoryStore::get(Table table, std::string_view key, std::string& value) const {
  const std::lock_guard lock(impl_->disk->mutex);
  if (Result<void> ok = impl_->readable(); !ok) return ok.error();
  return get_from(*impl_->visible().share(table), key, value);
}

Result<void> MemoryStore::scan(Table table, const Range& range, const Visitor& visit) const {
  std::unique_lock lock(impl_->disk->mutex);
  if (Result<void> ok = impl_->readable(); !ok) return ok;
  std::shared_ptr<Entries> shared = impl_->visible().share(table);
  lock.unlock();  // a visitor may read, and even commit
  const Held<std::shared_ptr<Entries>> entries(impl_->disk, std::move(shared));
  scan_over(**entries, range, visit);
  return {};
}

std::unique_ptr<Reader> MemoryStore::snapshot() const {
  const std::lock_guard lock(impl_->disk->mutex);
  if (Result<void> ok = impl_->readable(); !ok) {
    return std::make_unique<BrokenSnapshot>(std::move(ok).error());
  }
  return std::make_unique<Snapshot>(impl_->disk, impl_->visible());
}

Result<void> MemoryStore::commit(const Batch& batch) {
  const std::lock_guard lock(impl_->disk->mutex);
  if (Result<void> ok = impl_->writable(); !ok) return ok;
  if (impl_->disk->full) {
    impl_->failed = true;
    return unavailable("the disk is full");
  }
  switch (std::exchange(impl_->fault, Fault::none)) {
    case Fault::none:
      break;
    case Fault::fail_applied:
      // The bytes reached the disk, but nothing says that they survive a power cut.
      impl_->frozen = impl_->disk->tables;
      impl_->apply(batch, false);
      [[fallthrough]];
    case Fault::fail_unapplied:
      impl_->failed = true;
      return unavailable("injected commit error");
  }
  impl_->apply(batch, impl_->durability == Durability::fsync);
  ++impl_->commit_count;
  return {};
}

std::shared_ptr<MemoryDisk> MemoryStore::disk() const { return impl_->disk; }

void MemoryStore::fail_next_commit(Fault fault) {
  const std::lock_guard lock(impl_->disk->mutex);
  impl_->fault = fault;
}

void MemoryStore::fail_reads(bool on) {
  const std::lock_guard lock(impl_->disk->mutex);
  impl_->reads_fail = on;
}

void MemoryStore::sync() {
  const std::lock_guard lock(impl_->disk->mutex);
  if (impl_->writable()) impl_->disk->undo.clear();
}

void MemoryStore::fill_disk(bool full) {
  const std::lock_guard lock(impl_->disk->mutex);
  impl_->disk->full = full;
}

void MemoryStore::lose_power(std::size_t kept) {
  const std::lock_guard lock(impl_->disk->mutex);
  impl_->powerless = true;
  if (impl_->opened_number != impl_->disk->opened_count) return;
  std::vector<std::vector<Batch::Write>>& undo = impl_->disk->undo;
  for (; undo.size() > kept; undo.pop_back()) {
    for (; !undo.back().empty(); undo.back().pop_back()) {
      impl_->disk->tables.apply(undo.back().back());
    }
  }
}

std::size_t MemoryStore::unsynced_count() const {
  const std::lock_guard lock(impl_->disk->mutex);
  return impl_->disk->undo.size();
}

std::uint64_t MemoryStore::commit_count() const {
  const std::lock_guard lock(impl_->disk->mutex);
  return impl_->commit_count;
}

}  // namespace quern::storage
