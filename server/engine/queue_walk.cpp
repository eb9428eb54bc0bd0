#include "engine/queue_walk.h"

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
  if (left == 0) return false;
  const storage::Range range{next_, storage::prefix_end(keys::queue_prefix(queue_))};
  const std::vector<std::string> found = core.records.scan_keys(table, range, left);
  for (const std::string& key : found) {
    const TaskId id = keys::trailing_id(key);
    if (id.unix_ms() > newest_.unix_ms()) continue;
    std::optional<Task> task = core.find(id);
    if (task && task->status.queue() == queue_) visit(*task);
  }
  if (found.size() < left) {
    left -= found.size();
    return true;
  }
  next_ = key_after(found.back());
  left = 0;
  return false;
}

}  // namespace quern::engine
