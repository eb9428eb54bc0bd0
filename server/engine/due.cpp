#include "engine/due.h"

#include <algorithm>

#include "engine/commands.h"
#include "engine/transitions.h"

namespace quern::engine {

namespace keys = storage::keys;
using storage::Table;

namespace {

// Whether the attempt ran into its hard limit, rather than its worker falling silent.
bool timed_out(Core& core, const Task& task) {
  const record::Lease& lease = task.status.lease();
  const std::optional<Duration> timeout = task.body->has_timeout_ms()
                                              ? std::optional(Duration{task.body->timeout_ms()})
                                              : core.queue_of(task).settings().timeout;
  return timeout && lease.expires_at() >= lease.attempt_started_at() + timeout->count();
}

std::optional<Duration> retention_of(Queue& queue, FinishedClass finished_class) {
  return finished_class == FinishedClass::dead ? queue.settings().dead_retention
                                               : std::optional(queue.settings().retention);
}

// Until when a task must be kept for its idempotency key.
Timestamp kept_for_key_until(Core& core, const Task& task) {
  if (task.body->idempotency_key().empty()) return Timestamp{0};
  return Timestamp{task.body->created_at()} + core.queue_of(task).settings().idempotency_window;
}

// Its retention is over: removes it, or keeps it with a timer for as long as its key lives.
void forget(Core& core, Task& task) {
  const Timestamp until = kept_for_key_until(core, task);
  if (until <= core.now.wall) return core.remove(task);
  if (task.status.forget_at() == until.ms) return;
  record::TaskStatus next = task.status;
  next.set_forget_at(until.ms);
  core.move(task, std::move(next));
}

// The timer of a task that its key kept. Settings may have changed meanwhile.
void forget_or_keep(Core& core, Task& task) {
  const FinishedClass finished_class =
      task.state() == TaskState::dead ? FinishedClass::dead : FinishedClass::done;
  const std::optional<Duration> retention = retention_of(core.queue_of(task), finished_class);
  const std::optional<Timestamp> due =
      retention ? std::optional(Timestamp{task.status.finished_at()} + *retention) : std::nullopt;
  if (due && *due <= core.now.wall) return forget(core, task);
  record::TaskStatus next = task.status;
  next.set_forget_at(due ? due->ms : 0);
  core.move(task, std::move(next));
}

// True when there may be more to do now.
bool sweep(Core& core, Queue& queue, FinishedClass finished_class, std::size_t tasks_max) {
  core.schedule_sweep(queue, finished_class, std::nullopt);
  const std::optional<Duration> retention = retention_of(queue, finished_class);
  if (!retention) return false;
  // The scan begins with the last one that was looked at, so it must see at least one more to get
  // on.
  tasks_max = std::max<std::size_t>(tasks_max, 2);
  FinishedHead& head = queue.finished(finished_class);
  const std::string prefix = keys::finished_prefix(queue.number(), finished_class);
  const std::string begin =
      head.from ? keys::finished(queue.number(), finished_class, *head.from) : prefix;
  const std::vector<std::string> found =
      core.records.scan_keys(Table::finished, {begin, storage::prefix_end(prefix)}, tasks_max);
  for (const std::string& key : found) {
    const keys::Finished entry = keys::parse_finished(key);
    head.from = entry;
    if (entry.at + *retention > core.now.wall) {
      core.schedule_sweep(queue, finished_class, entry.at + *retention);
      return false;
    }
    if (std::optional<Task> task = core.find(entry.id)) forget(core, *task);
  }
  if (found.size() < tasks_max) return false;
  core.schedule_sweep(queue, finished_class, core.now.wall);
  return true;
}

void fire(Core& core, const keys::Timer& timer) {
  std::optional<Task> task = core.find(timer.id);
  const Places places =
      task ? places_of(task->id, *task->body, task->status, task->as_submitted) : Places{};
  switch (timer.kind) {
    case keys::TimerKind::start:
      if (places.start_at == timer.due) return become_ready(core, *task);
      break;
    case keys::TimerKind::expire:
      if (places.expire_at == timer.due) return expire(core, *task);
      break;
    case keys::TimerKind::forget:
      if (places.forget_at == timer.due) return forget_or_keep(core, *task);
      break;
  }
  core.drop_timer(timer);  // of no task any more: only a store that was tampered with has one
}

}  // namespace

void end_leases(Core& core, std::size_t tasks_max) {
  for (; tasks_max > 0; --tasks_max) {
    const std::optional<TaskId> id = core.leases.due(core.now.steady);
    if (!id) return;
    std::optional<Task> task = core.find(*id);
    if (timed_out(core, *task)) {
      fail(core, *task, {"timeout", "the attempt ran longer than its timeout_ms", ""}, true, {},
           {});
    } else {
      fail(
          core, *task,
          {"lease_expired", "the worker neither settled the task nor sent a heartbeat in time", ""},
          true, {}, {});
    }
  }
}

void fire_timers(Core& core, std::size_t tasks_max) {
  for (; tasks_max > 0; --tasks_max) {
    const keys::Timer* timer = core.next_timer();
    if (timer == nullptr || timer->due > core.now.wall) return;
    fire(core, keys::Timer{*timer});
  }
}

void sweep_finished(Core& core, std::size_t tasks_max) {
  while (tasks_max > 0 && !core.sweeps.empty()) {
    const auto [at, number, finished_class] = *core.sweeps.begin();
    if (at > core.now.wall) return;
    if (sweep(core, core.queue_at(number), finished_class, tasks_max)) return;
    --tasks_max;
  }
}

void end_waits(Core& core, std::size_t calls_max) {
  for (; calls_max > 0; --calls_max) {
    const std::optional<Ticket> ticket = core.waiters.due(core.now.steady);
    if (!ticket) return;
    answer_parked(core, *ticket);
  }
}

}  // namespace quern::engine
