// The model of what happens by itself, and of the edges that several callers take.

#include <algorithm>
#include <cmath>

#include "model.h"
#include "violation.h"

namespace quern::sim {

using engine::Ticket;

// --- edges ---------------------------------------------------------------------------------------

Task& Model::change(const TaskId& id) {
  changed_.insert(id);
  for (Job& job : jobs_) job.chosen.erase(id);
  return state_.edit(id);
}

void Model::finish(Task& task, TaskState state) {
  task.state = state;
  task.finished_at = now_.wall.ms;
  answer_waits_for(task.id);
}

void Model::die(Task& task, DeadReason reason) {
  task.dead_reason = reason;
  finish(task, TaskState::dead);
}

void Model::fail(Task& task, Failure failure, bool retryable, std::optional<Duration> retry_after,
                 std::optional<std::int64_t> shown_run_at) {
  task.failures.push_back(std::move(failure));
  if (task.failures.size() > 10) task.failures.erase(task.failures.begin());
  if (!retryable) return die(task, DeadReason::not_retryable);
  if (task.attempts >= state_.max_attempts(task)) return die(task, DeadReason::max_attempts);

  const RetryPolicy policy = state_.retry(task);
  double wait = static_cast<double>(policy.base.count());
  if (policy.strategy == RetryStrategy::linear) wait *= task.attempts;
  if (policy.strategy == RetryStrategy::exponential) {
    for (std::uint32_t n = 1; n < task.attempts; ++n) wait *= policy.factor;
  }
  wait = std::min(wait, static_cast<double>(policy.max.count()));
  Duration most{static_cast<std::int64_t>(wait)};
  Duration least = policy.jitter ? (most + Duration{1}) / 2 : most;
  if (retry_after) least = most = *retry_after;

  task.state = TaskState::retrying;
  task.run_at = (now_.wall + most).ms;
  if (shown_run_at && least < most) {
    const Duration shown = Timestamp{*shown_run_at} - now_.wall;
    if (shown < least || shown > most) {
      violate("task " + task.id.text() + " waits " + std::to_string(shown.count()) +
              " ms for its next attempt, must be " + std::to_string(least.count()) + " to " +
              std::to_string(most.count()));
    }
    task.run_at = *shown_run_at;
  }
  task.ready_since = task.run_at;
}

void Model::redrive(Task& task, QueueNumber to, std::int64_t at) {
  task.attempts = 0;
  ++task.redrives;
  task.finished_at = 0;
  task.dead_reason = DeadReason::none;
  task.as_submitted = false;
  task.queue = to;
  task.state = at > now_.wall.ms ? TaskState::scheduled : TaskState::ready;
  task.run_at = task.ready_since = std::max(at, now_.wall.ms);
}

void Model::become_ready(Task& task) {
  if (task.attempts >= state_.max_attempts(task)) return bury(task);
  edges_.saw(task.from(), Event::became_ready);
  task.as_submitted = false;
  task.state = TaskState::ready;
  task.ready_since = task.run_at;
}

void Model::remove(const TaskId& id, Event event) {
  edges_.saw(state_.find(id)->from(), event);
  change(id);
  state_.erase(id);
  answer_waits_for(id);
}

// --- the tick ------------------------------------------------------------------------------------

bool Model::differs_after(const Task& task) const {
  if (!after_->touches(task.id)) return false;
  const std::optional<engine::TaskView>& view = after_->task(task.id);
  if (!view) return true;
  const record::TaskStatus& status = view->status;
  return view->state() != task.state || status.attempts() != task.attempts ||
         status.redrives() != task.redrives || status.run_at() != task.run_at ||
         status.finished_at() != task.finished_at || status.queue() != task.queue ||
         (task.state == TaskState::running && status.lease().token() != task.token);
}

void Model::tick() {
  end_leases();
  fire_timers();
  sweep();
  step_jobs();
  if (rules_.bounded) {
    std::erase_if(to_show_,
                  [this](const auto& asked) { return shown(asked.first, asked.second, true); });
    std::erase_if(to_list_, [this](const auto& asked) {
      return shown_page(asked.first, asked.second, true);
    });
  }
  serve_parked();
  end_waits();
}

void Model::end_leases() {
  std::vector<std::pair<engine::Steady, TaskId>> over;
  for (const auto& [id, task] : state_.tasks) {
    if (task->state == TaskState::running && task->deadline <= now_.steady) {
      over.emplace_back(task->deadline, id);
    }
  }
  std::sort(over.begin(), over.end());
  for (const auto& [deadline, id] : over) {
    if (rules_.bounded && !differs_after(*state_.find(id))) continue;
    Task& task = change(id);
    const std::optional<Duration> timeout = state_.timeout(task);
    const bool timed_out = timeout && task.deadline - task.began >= *timeout;
    edges_.saw(From::running, timed_out ? Event::timed_out : Event::lease_over);
    const std::optional<engine::TaskView>& view = after_->task(id);
    const bool waits = view && view->state() == TaskState::retrying;
    task.ended_by.clear();
    fail(task,
         {task.attempts, now_.wall.ms, task.worker, timed_out ? "timeout" : "lease_expired",
          timed_out ? "the attempt ran longer than its timeout_ms"
                    : "the worker neither settled the task nor sent a heartbeat in time",
          ""},
         true, {}, waits ? std::optional(view->status.run_at()) : std::nullopt);
  }
}

void Model::fire_timers() {
  std::vector<TaskId> due;
  for (const auto& [id, task] : state_.tasks) {
    const bool waits = task->state == TaskState::scheduled || task->state == TaskState::retrying;
    const bool starts = waits && task->run_at <= now_.wall.ms;
    const bool expires = task->may_expire() && task->expires_at <= now_.wall.ms;
    if (starts || expires) due.push_back(id);
  }
  for (const TaskId& id : due) {
    if (rules_.bounded && is_left_for_later(*state_.find(id))) continue;
    Task& task = change(id);
    const bool starts = task.state != TaskState::ready && task.run_at <= now_.wall.ms;
    const bool expires = task.may_expire() && task.expires_at <= now_.wall.ms;
    // The earlier timer first; where both are due at once, the start.
    if (starts && (!expires || task.run_at <= task.expires_at)) become_ready(task);
    if (rules_.bounded && is_left_for_later(task)) continue;
    if (task.may_expire() && task.expires_at <= now_.wall.ms) bury(task);
  }
}

// The tick has not got as far as this task; or a job takes it as it is.
bool Model::is_left_for_later(const Task& task) const {
  if (!differs_after(task)) return true;
  if (after_->task(task.id)) return false;
  return std::any_of(jobs_.begin(), jobs_.end(),
                     [&](const Job& job) { return matches(job, task); });
}

bool Model::key_holds(const Task& task) const {
  const auto home = state_.queues.find(task.home());
  if (task.asked->idempotency_key().empty() || home == state_.queues.end()) return false;
  return task.created_at + home->second.settings.idempotency_window.count() > now_.wall.ms;
}

bool Model::retention_over(const Task& task) const {
  if (!is_terminal(task.state)) return false;
  const QueueSettings& settings = state_.queues.at(task.queue).settings;
  const std::optional<Duration> kept =
      task.state == TaskState::dead ? settings.dead_retention : std::optional(settings.retention);
  return kept && task.finished_at + kept->count() <= now_.wall.ms && !key_holds(task);
}

void Model::sweep() {
  std::vector<TaskId> gone;
  for (const TaskId& id : after_->touched()) {
    const Task* task = state_.find(id);
    if (task != nullptr && retention_over(*task) && !after_->task(id)) gone.push_back(id);
  }
  for (const TaskId& id : gone) {
    // A job of several ticks may have been the one that took it.
    for (Job& job : jobs_) job.contested |= rules_.bounded && matches(job, *state_.find(id));
    remove(id, Event::forgotten);
  }
}

// What the engine says that it has dealt with.
void Model::demand_nothing_is_due() const {
  for (const auto& [id, task] : state_.tasks) {
    const bool waits = task->state == TaskState::scheduled || task->state == TaskState::retrying;
    const std::string name = "task " + id.text();
    if (task->state == TaskState::running && task->deadline <= now_.steady) {
      violate(name + ": its lease is over and nothing happens");
    }
    if (waits && task->run_at <= now_.wall.ms) violate(name + " does not become ready in time");
    if (task->may_expire() && task->expires_at <= now_.wall.ms) violate(name + " does not expire");
    // One that was moved away from its key's queue goes when its own timer says so.
    const bool plain = task->asked->idempotency_key().empty() || task->home() == task->queue;
    if (plain && retention_over(*task)) violate(name + " is kept past its retention");
  }
  for (const auto& [ticket, parked] : parked_) {
    if (parked.deadline <= now_.steady) violate("a call is parked past its time");
    if (parked.lease && anything_for(*parked.lease)) {
      violate("a task is ready and a parked lease is not served");
    }
  }
  demand(jobs_.empty(), "a job is not finished and nothing goes on");
  demand(to_show_.empty() && to_list_.empty(), "a question about queues is not answered");
}

}  // namespace quern::sim
