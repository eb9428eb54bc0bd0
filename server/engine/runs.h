// The runs of ids that make up a queue: its own tasks, one run for each lane of bodies, and those
// that were redriven into it from elsewhere.
//
// Shape    a run's keys are its prefix and an id, so they ascend by time of submission.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "quern/protocol/task_id.h"
#include "quern/storage/keys.h"
#include "quern/storage/records.pb.h"
#include "quern/storage/store.h"

namespace quern::engine {

struct Run {
  storage::Table table;
  std::string prefix;

  std::string key(const TaskId& id) const { return prefix + std::string(id.view()); }
  std::string end() const { return storage::prefix_end(prefix); }
};

inline constexpr std::size_t run_moved = TaskId::lane_later + 1;  // before it, the lanes
inline constexpr std::size_t run_count = run_moved + 1;

Run run_at(storage::keys::QueueNumber queue, std::size_t run);

// Where a scan of it begins, as stored; nullopt: at its first key.
std::optional<TaskId> run_from(const record::QueueCounters& counters, std::size_t run);

}  // namespace quern::engine
