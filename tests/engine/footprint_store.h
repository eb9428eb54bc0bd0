// A store that notices what a scan costs: how many entries it visits, and how many deleted keys it
// has to step over. An LSM tree keeps a tombstone for each of those until it is compacted; a store
// in memory would hide them.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <set>
#include <string>

#include "quern/storage/store.h"

namespace quern::engine::testing {

class FootprintStore final : public storage::Store {
 public:
  explicit FootprintStore(storage::Store& base) : base_(base) {}

  // Most tombstones that one scan stepped over, and most entries visited by all scans together,
  // since reset().
  std::size_t tombstones_max() const { return tombstones_max_; }
  std::size_t visited() const { return visited_; }
  void reset() { tombstones_max_ = visited_ = 0; }

  Result<bool> get(storage::Table table, std::string_view key, std::string& value) const override {
    return base_.get(table, key, value);
  }

  Result<void> scan(storage::Table table, const storage::Range& range,
                    const Visitor& visit) const override {
    std::string last;
    bool stopped = false;
    Result<void> scanned =
        base_.scan(table, range, [&](std::string_view key, std::string_view value) {
          last = key;
          ++visited_;
          stopped = !visit(key, value);
          return !stopped;
        });
    const bool forward = range.direction == storage::Direction::forward;
    std::string begin = range.begin;
    std::string end = range.end;
    if (stopped) (forward ? end : begin) = last;
    const std::set<std::string>& gone = deleted_[static_cast<std::size_t>(table)];
    const auto from = gone.lower_bound(begin);
    const auto to = end.empty() ? gone.end() : gone.lower_bound(std::max(begin, end));
    const auto count = static_cast<std::size_t>(std::distance(from, to));
    tombstones_max_ = std::max(tombstones_max_, count);
    return scanned;
  }

  std::unique_ptr<storage::Reader> snapshot() const override { return base_.snapshot(); }

  Result<void> commit(const storage::Batch& batch) override {
    for (const storage::Batch::Write& write : batch.writes) {
      std::set<std::string>& gone = deleted_[static_cast<std::size_t>(write.table)];
      if (write.value) {
        gone.erase(write.key);
      } else {
        gone.insert(write.key);
      }
    }
    return base_.commit(batch);
  }

 private:
  storage::Store& base_;
  std::array<std::set<std::string>, 16> deleted_;
  mutable std::size_t tombstones_max_ = 0;
  mutable std::size_t visited_ = 0;
};

}  // namespace quern::engine::testing
