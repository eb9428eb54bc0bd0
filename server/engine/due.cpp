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
  const HeldTask& held = *core.leases.find(task.id);
  const std::optional<Duration> timeout = core.timeout(task);
  return timeout && held.deadline - held.attempt_started >= *timeout;
}

std::optional<Duration> retention_of(Queue& queue, FinishedClass finished_class) {
  return finished_class == FinishedClass::dead ? queue.settings().dead_retention
                                               : std::optional(queue.settings().retention);
}

// Until when a task must be kept for its idempotency key, which belongs to its home.
Timestamp kept_for_key_until(Core& core, const Task& task) {
  const QueueNumber home = task.id.queue();
  if (task.body->idempotency_key().empty() || !core.has_queue(home)) return Timestamp{0};
  return Timestamp{task.body->created_at()} + core.queue_at(home).settings().idempotency_window;
}

// Its retention is over: removes it, or keeps it with a timer for as long as its key lives. True:
// removed.
bool forget(Core& core, Task& task) {
  const Timestamp until = kept_for_key_until(core, task);
  if (until <= core.now.wall) {
    core.remove(task, Removal::retention);
    return true;
  }
  if (task.status.forget_at() == until.ms) return false;
  record::TaskStatus next = task.status;
  next.set_forget_at(until.ms);
  core.move(task, std::move(next));
  return false;
}

// The timer of a task that its key kept. Settings may have changed meanwhile.
void forget_or_keep(Core& core, Task& task) {
  const FinishedClass finished_class =
      task.state() == TaskState::dead ? FinishedClass::dead : FinishedClass::done;
  const std::optional<Duration> retention = retention_of(core.queue_of(task), finished_class);
  const std::optional<Timestamp> due =
      retention ? std::optional(Timestamp{task.status.finished_at()} + *retention) : std::nullopt;
  if (due && *due <= core.now.wall) {
    forget(core, task);
    return;
  }
  record::TaskStatus next = task.status;
  next.set_forget_at(due ? due->ms : 0);
  core.move(task, std::move(next));
}

// Looks at up to `tasks_max` tasks, from where the sweep before ended. How many it did look at.
std::size_t sweep(Core& core, Queue& queue, FinishedClass finished_class, std::size_t tasks_max) {
  FinishedHead& head = queue.finished(finished_class);
  std::optional<Timestamp> next;
  std::size_t seen = 0;
  if (const std::optional<Duration> retention = retention_of(queue, finished_class)) {
    const auto key_of = [&](const keys::Finished& entry) {
      return keys::finished(queue.number(), finished_class, entry);
    };
    const std::string prefix = keys::finished_prefix(queue.number(), finished_class);
    const std::string begin = head.swept  ? key_after(key_of(*head.swept))
                              : head.from ? key_of(*head.from)
                                          : prefix;
    for (const std::string& key :
         core.records.scan_keys(Table::finished, {begin, storage::prefix_end(prefix)}, tasks_max)) {
      const keys::Finished entry = keys::parse_finished(key);
      ++seen;
      if (entry.at + *retention > core.now.wall) {
        next = entry.at + *retention;
        break;
      }
      head.swept = entry;
      std::optional<Task> task = core.find(entry.id);
      const bool removed = !task || forget(core, *task);
      if (!removed) head.kept_some = true;
      if (!head.kept_some) head.from = entry;
    }
    if (!next && seen == tasks_max) next = core.now.wall;
  }
  core.schedule_sweep(queue, finished_class, next);
  return seen;
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
    QueueTally& tally = core.queue_of(*task).tally();
    if (timed_out(core, *task)) {
      ++tally.timed_out;
      fail(core, *task, {"timeout", "the attempt ran longer than its timeout_ms", ""}, true, {},
           {});
    } else {
      ++tally.lease_expired;
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
    // A sweep that finds nothing counts too, so that a thousand queues do not make one long tick.
    const std::size_t seen = sweep(core, core.queue_at(number), finished_class, tasks_max);
    tasks_max -= std::max<std::size_t>(seen, 1);
  }
}

void end_waits(Core& core, std::size_t calls_max) {
  for (; calls_max > 0; --calls_max) {
    const std::optional<Ticket> ticket = core.waiters.due(core.now.steady);
    if (!ticket) return;
    if (!end_wait(core, *ticket)) return;
  }
}

}  // namespace quern::engine
