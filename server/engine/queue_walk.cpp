#include "engine/queue_walk.h"

#include <utility>

namespace quern::engine {

namespace keys = storage::keys;

QueueWalk::QueueWalk(QueueNumber queue, const TaskId& newest) : queue_(queue), newest_(newest) {}

bool QueueWalk::step(Core& core, std::size_t tasks_max, const std::function<void(Task&)>& visit) {
  std::size_t left = tasks_max;
  for (; run_ < run_count; ++run_, next_.clear()) {
    if (!step_run(core, left, visit)) return false;
  }
  return true;
}

bool QueueWalk::step_run(Core& core, std::size_t& left, const std::function<void(Task&)>& visit) {
  const Run run = run_at(queue_, run_);
  if (next_.empty()) {
    const std::optional<TaskId>& from = core.queue_at(queue_).floor(run_).from();
    next_ = from ? run.key(*from) : run.prefix;
  }
  while (left > 0) {
    const std::size_t wanted = left;
    const std::vector<std::string> found =
        core.records.scan_keys(run.table, {next_, run.end()}, wanted);
    for (const std::string& key : found) {
      const TaskId id = keys::trailing_id(key);
      // Ids ascend: what follows is newer still, and may go on growing.
      if (is_newer(id)) return true;
      --left;
      next_ = key_after(key);
      std::optional<Task> task = core.find(id);
      if (task && task->status.queue() == queue_) visit(*task);
    }
    if (found.size() < wanted) return true;
  }
  return false;
}

bool QueueWalk::is_newer(const TaskId& id) const {
  return std::pair(id.unix_ms(), id.sequence()) > std::pair(newest_.unix_ms(), newest_.sequence());
}

}  // namespace quern::engine
