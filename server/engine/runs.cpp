#include "engine/runs.h"

namespace quern::engine {

namespace keys = storage::keys;
using storage::Table;

Run run_at(keys::QueueNumber queue, std::size_t run) {
  if (run == run_moved) return {Table::moved, keys::queue_prefix(queue)};
  return {Table::tasks, keys::lane_prefix(queue, static_cast<std::uint8_t>(run))};
}

std::optional<TaskId> run_from(const record::QueueCounters& counters, std::size_t run) {
  const int index = static_cast<int>(run);
  if (index >= counters.run_from_size() || counters.run_from(index).empty()) return std::nullopt;
  return TaskId::from_bytes(counters.run_from(index));
}

}  // namespace quern::engine
