#include "model_state.h"

#include <algorithm>

namespace quern::sim {

From Task::from() const {
  switch (state) {
    case TaskState::scheduled:
      return From::scheduled;
    case TaskState::running:
      return From::running;
    case TaskState::retrying:
      return From::retrying;
    case TaskState::dead:
      return From::dead;
    case TaskState::succeeded:
      return From::succeeded;
    case TaskState::cancelled:
      return From::cancelled;
    case TaskState::ready:
    case TaskState::blocked:
      break;
  }
  return as_submitted ? From::ready : From::returned;
}

const Task* State::find(const TaskId& id) const {
  const auto found = tasks.find(id);
  return found == tasks.end() ? nullptr : found->second.get();
}

Task& State::edit(const TaskId& id) {
  std::shared_ptr<Task>& task = tasks.at(id);
  if (task.use_count() > 1) task = std::make_shared<Task>(*task);
  return *task;
}

void State::erase(const TaskId& id) {
  const Task& task = *find(id);
  const std::pair key{task.home(), task.asked->idempotency_key()};
  const auto held = keys.find(key);
  if (held != keys.end() && held->second == id) keys.erase(held);
  tasks.erase(id);
}

Queue* State::find_queue(const std::string& name) {
  for (auto& [number, queue] : queues) {
    if (queue.name == name && !queue.deleting) return &queue;
  }
  return nullptr;
}

std::array<std::uint64_t, task_state_count> State::counts(QueueNumber queue) const {
  std::array<std::uint64_t, task_state_count> counts{};
  for (const auto& [id, task] : tasks) {
    if (task->queue == queue) ++counts[static_cast<std::size_t>(task->state)];
  }
  return counts;
}

std::uint64_t State::unfinished(QueueNumber queue) const {
  return static_cast<std::uint64_t>(std::count_if(tasks.begin(), tasks.end(), [&](const auto& t) {
    return t.second->queue == queue && !is_terminal(t.second->state);
  }));
}

std::uint32_t State::max_attempts(const Task& task) const {
  return task.asked->has_max_attempts() ? task.asked->max_attempts()
                                        : queues.at(task.queue).settings.max_attempts;
}

std::optional<Duration> State::timeout(const Task& task) const {
  if (task.asked->has_timeout_ms()) return Duration{task.asked->timeout_ms()};
  return queues.at(task.queue).settings.timeout;
}

RetryPolicy State::retry(const Task& task) const {
  const record::RetryOverride& own = task.asked->retry();
  RetryPolicy policy = queues.at(task.queue).settings.retry;
  if (own.has_strategy()) policy.strategy = static_cast<RetryStrategy>(own.strategy());
  if (own.has_base_ms()) policy.base = Duration{own.base_ms()};
  if (own.has_factor()) policy.factor = own.factor();
  if (own.has_max_ms()) policy.max = Duration{own.max_ms()};
  if (own.has_jitter()) policy.jitter = own.jitter();
  return policy;
}

}  // namespace quern::sim
