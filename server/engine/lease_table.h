// The tasks that workers hold: the work in hand, so all of it is in memory.
//
// Shape    deadlines and time-outs in steady time: a jump of the wall clock ends no lease.
// Threads  none: the engine's.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "engine/now.h"
#include "quern/protocol/task_id.h"
#include "quern/protocol/timestamp.h"
#include "quern/storage/records.pb.h"

namespace quern::engine {

struct HeldTask {
  std::shared_ptr<const record::TaskBody> body;  // null: too large to keep, the store has it
  record::TaskStatus status;
  Steady deadline{0};
  Steady attempt_started{0};
};

// The lease's times on the wall clock, carried over to the steady one. After a restart too: a clock
// that was set back meanwhile does not stretch the lease past what was granted.
inline HeldTask held_task(std::shared_ptr<const record::TaskBody> body, record::TaskStatus status,
                          const Now& now) {
  const record::Lease& lease = status.lease();
  const Duration left =
      std::clamp(Timestamp{lease.expires_at()} - now.wall, Duration{0}, Duration{lease.lease_ms()});
  const Duration length{lease.expires_at() - lease.attempt_started_at()};
  const Steady deadline = now.steady + left;
  return {std::move(body), std::move(status), deadline, deadline - length};
}

class LeaseTable {
 public:
  const HeldTask* find(const TaskId& id) const {
    const auto found = held_.find(id);
    return found == held_.end() ? nullptr : &found->second;
  }

  void put(const TaskId& id, HeldTask held) {
    erase(id);
    deadlines_.emplace(held.deadline, id);
    held_.emplace(id, std::move(held));
  }

  void erase(const TaskId& id) {
    const auto found = held_.find(id);
    if (found == held_.end()) return;
    deadlines_.erase({found->second.deadline, id});
    held_.erase(found);
  }

  std::size_t size() const { return held_.size(); }

  std::optional<Steady> next_deadline() const {
    return deadlines_.empty() ? std::nullopt : std::optional(deadlines_.begin()->first);
  }
  // The lease that ended first, if it has by `now`.
  std::optional<TaskId> due(Steady now) const {
    if (deadlines_.empty() || deadlines_.begin()->first > now) return std::nullopt;
    return deadlines_.begin()->second;
  }

 private:
  std::unordered_map<TaskId, HeldTask> held_;
  std::set<std::pair<Steady, TaskId>> deadlines_;
};

}  // namespace quern::engine
