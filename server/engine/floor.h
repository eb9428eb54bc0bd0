// Where a run of task ids begins on disk: the bodies of one lane, or what was moved into a queue.
//
// Retention and purges take tasks away from the front of a run, and on an LSM tree a scan from its
// first key would step over a tombstone for each of them. So scans begin at the floor.
//
// Shape    everything before `from()` is gone. The ids that follow it are known, a few of them;
//          when all of those have gone too, the next are looked up from there on. So every
//          tombstone is stepped over once, by the engine, and never by a reader.
// Threads  none: the engine's.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "quern/protocol/task_id.h"

namespace quern::engine {

class Floor {
 public:
  // A look-up is a seek; a known id is 16 bytes, for every run that anything is removed from.
  static constexpr std::size_t known_max = 64;

  Floor() = default;
  explicit Floor(std::optional<TaskId> from) : from_(from) {}

  // Nothing lies before this id; nullopt: look from the run's first key on.
  const std::optional<TaskId>& from() const { return from_; }

  // Ids need not come in order.
  void add(const TaskId& id) {
    if (from_ && id < *from_) {
      from_ = id;
      known_.clear();
    } else if (!known_.empty() && id < last_known_) {
      known_.insert(std::lower_bound(known_.begin(), known_.end(), id), id);
      if (known_.size() > 2 * known_max) {
        known_.resize(known_max);
        last_known_ = known_.back();
      }
    }
  }

  // `id` is about to be removed; it is still on disk. `load(from, count_max)` gives the first ids
  // of the run from `from` on, that one included.
  template <typename Load>
  void remove(const TaskId& id, Load&& load) {
    if (known_.empty()) {
      known_ = load(std::as_const(from_), known_max);
      if (known_.empty()) return;
      last_known_ = known_.back();
    }
    const auto found = std::lower_bound(known_.begin(), known_.end(), id);
    if (found != known_.end() && *found == id) known_.erase(found);
    from_ = known_.empty() ? last_known_ : known_.front();
  }

 private:
  std::optional<TaskId> from_;
  std::vector<TaskId> known_;  // every id of the run from `from_` to `last_known_`, ascending
  TaskId last_known_;
};

}  // namespace quern::engine
