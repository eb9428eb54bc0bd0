#include "engine/queue_walk.h"

#include <utility>

namespace quern::engine {

namespace keys = storage::keys;
using storage::Table;

QueueWalk::QueueWalk(QueueNumber queue, const TaskId& newest)
    : queue_(queue), newest_(newest), next_(keys::queue_prefix(queue)) {}

bool QueueWalk::step(Core& core, std::size_t tasks_max, const std::function<void(Task&)>& visit) {
  std::size_t left = tasks_max;
  if (table_ == Table::tasks) {
    if (!step_table(core, Table::tasks, left, visit)) return false;
    table_ = Table::moved;
    next_ = keys::queue_prefix(queue_);
  }
  return step_table(core, Table::moved, left, visit);
}

bool QueueWalk::step_table(Core& core, Table table, std::size_t& left,
                           const std::function<void(Task&)>& visit) {
  const std::string end = storage::prefix_end(keys::queue_prefix(queue_));
  while (left > 0) {
    const std::size_t wanted = left;
    const std::vector<std::string> found = core.records.scan_keys(table, {next_, end}, wanted);
    bool lane_is_done = false;
    for (const std::string& key : found) {
      --left;
      const TaskId id = keys::trailing_id(key);
      lane_is_done = is_newer(id);
      if (lane_is_done) {
        // Ids ascend: what follows in this lane is newer still, and may go on growing.
        if (table == Table::moved) return true;
        next_ = storage::prefix_end(keys::lane_prefix(queue_, id.lane()));
        break;
      }
      next_ = key_after(key);
      std::optional<Task> task = core.find(id);
      if (task && task->status.queue() == queue_) visit(*task);
    }
    if (!lane_is_done && found.size() < wanted) return true;
  }
  return false;
}

bool QueueWalk::is_newer(const TaskId& id) const {
  return std::pair(id.unix_ms(), id.sequence()) > std::pair(newest_.unix_ms(), newest_.sequence());
}

}  // namespace quern::engine
