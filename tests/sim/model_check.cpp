// How a task and a queue must be shown, and what the store must hold after a group.

#include <algorithm>

#include "model.h"
#include "violation.h"

namespace quern::sim {

using engine::Detail;
using engine::TaskView;

namespace {

class Comparison {
 public:
  explicit Comparison(const TaskId& id) : id_(id) {}

  template <typename T>
  void same(const char* what, const T& expected, const T& shown) const {
    if (expected == shown) return;
    violate("task " + id_.text() + ": " + what + " is " + text(shown) + ", must be " +
            text(expected));
  }

 private:
  static std::string text(const std::string& value) { return '"' + value + '"'; }
  template <typename T>
  static std::string text(const T& value) {
    return std::to_string(value);
  }

  const TaskId& id_;
};

void compare_body(const Comparison& c, const Task& task, const TaskView& view) {
  const record::TaskBody& asked = *task.asked;
  const record::TaskBody& shown = *view.body;
  c.same("type", asked.type(), shown.type());
  c.same("priority", asked.priority(), shown.priority());
  c.same("idempotency key", asked.idempotency_key(), shown.idempotency_key());
  c.same("correlation id", asked.correlation_id(), shown.correlation_id());
  c.same("created_at", task.created_at, shown.created_at());
  c.same("max_attempts of its own", asked.max_attempts(), shown.max_attempts());
  c.same("lease_ms", asked.lease_ms(), shown.lease_ms());
  c.same("timeout_ms", asked.timeout_ms(), shown.timeout_ms());
  c.same("retry", asked.retry().SerializeAsString(), shown.retry().SerializeAsString());
  if (task.redrives == 0) c.same("expires_at", task.expires_at, shown.expires_at());
}

void compare_failures(const Comparison& c, const Task& task, const TaskView& view) {
  c.same("number of failures", task.failures.size(), view.failures.size());
  for (std::size_t i = 0; i < task.failures.size(); ++i) {
    const Failure& expected = task.failures[i];
    const record::FailureRecord& shown = view.failures[i];
    c.same("failure's attempt", expected.attempt, shown.attempt());
    c.same("failure's time", expected.at, shown.at());
    c.same("failure's worker", expected.worker, shown.worker_id());
    c.same("failure's type", expected.type, shown.type());
    c.same("failure's message", expected.message, shown.message());
    c.same("failure's details", expected.details, shown.details());
  }
}

void compare_status(const Comparison& c, const Task& task, const TaskView& view) {
  const record::TaskStatus& shown = view.status;
  c.same("state", std::string(to_string(task.state)), std::string(to_string(view.state())));
  c.same("attempts", task.attempts, shown.attempts());
  c.same("redrives", task.redrives, shown.redrives());
  c.same("run_at", task.run_at, shown.run_at());
  c.same("started_at", task.started_at, shown.started_at());
  c.same("finished_at", task.finished_at, shown.finished_at());
  c.same("dead_reason", std::string(to_string(task.dead_reason)),
         std::string(to_string(static_cast<DeadReason>(shown.dead_reason()))));
  c.same("last error", task.failures.empty() ? std::string() : task.failures.back().type,
         shown.last_error_type());
  const bool running = task.state == TaskState::running;
  c.same("holding a lease", running, shown.has_lease());
  if (!running) return;
  c.same("token", task.token, shown.lease().token());
  c.same("worker", task.worker, shown.lease().worker_id());
  c.same("lease's end", task.lease_ends, shown.lease().expires_at());
}

}  // namespace

void compare(const Task& task, const std::string& queue, std::uint32_t max_attempts,
             const TaskView& view, Detail detail) {
  const Comparison c(task.id);
  c.same("id", task.id.text(), view.id.text());
  c.same("queue", queue, *view.queue);
  c.same("max_attempts", max_attempts, view.max_attempts);
  compare_status(c, task, view);
  compare_body(c, task, view);
  if (detail == Detail::brief) return;
  compare_failures(c, task, view);
  if (detail == Detail::head) return;
  c.same("payload", task.asked->payload(), view.payload());
  c.same("result", task.result, view.result());
  c.same("progress", task.progress, view.progress());
}

void Model::check_task(const TaskView& view, Detail detail) const {
  const Task* task = state_.find(view.id);
  if (task == nullptr) violate("task " + view.id.text() + " is shown, and must not be there");
  compare(*task, state_.queues.at(task->queue).name, state_.max_attempts(*task), view, detail);
}

std::string Model::differences(const engine::QueueView& view, const Queue& queue) const {
  if (view.name != queue.name) return "it is shown under another name";
  if (view.settings != queue.settings) return "its settings are not as they were set";
  if (view.counts != state_.counts(queue.number)) return "its counts are not exact";
  std::optional<Duration> age;
  for (const auto& [id, task] : state_.tasks) {
    if (task->queue != queue.number || task->state != TaskState::ready) continue;
    const Duration since = std::max(now_.wall - Timestamp{task->ready_since}, Duration{0});
    if (!age || since > *age) age = since;
  }
  if (view.oldest_ready_age != age) return "the age of its oldest ready task is wrong";
  return "";
}

// Every record that the group wrote, or should have written.
void Model::check_store() {
  for (const TaskId& id : after_->touched()) changed_.insert(id);
  std::set<QueueNumber> queues;
  for (const TaskId& id : changed_) {
    const std::optional<TaskView>& view = after_->task(id);
    const Task* task = state_.find(id);
    if (task == nullptr) {
      demand(!view, "the store keeps a task that must be gone");
      continue;
    }
    if (!view) violate("the store has lost task " + id.text());
    check_task(*view, Detail::whole);
    queues.insert(task->queue);
  }
  changed_.clear();
}

}  // namespace quern::sim
