// Lease: hands ready tasks to workers, now or as soon as there are some.

#include <algorithm>
#include <utility>

#include "engine/commands.h"
#include "engine/transitions.h"

namespace quern::engine {

namespace {

// Highest priority first, then ready longest, then submitted first.
bool goes_before(const Queue::Head& a, const Queue::Head& b) {
  return a.priority != b.priority ? a.priority > b.priority : a.entry < b.entry;
}

// What one of the named queues has to give next.
struct Source {
  Queue* queue;
  Queue::Next next;
};

std::vector<Source> sources_of(Core& core, const std::vector<std::string>& names) {
  std::vector<Source> sources;
  sources.reserve(names.size());
  for (const std::string& name : names) {
    Queue* queue = core.find_queue(name);
    const auto same = [queue](const Source& source) { return source.queue == queue; };
    if (queue == nullptr || std::any_of(sources.begin(), sources.end(), same)) continue;
    sources.push_back({queue, core.next_of(*queue)});
  }
  return sources;
}

// The source that comes next: one that does not know yet what it has before all others, since that
// may be the best. Null: there is nothing.
Source* best_of(std::vector<Source>& sources) {
  Source* best = nullptr;
  for (Source& source : sources) {
    if (source.next.searching) return &source;
    if (source.next.head && (best == nullptr || goes_before(*source.next.head, *best->next.head))) {
      best = &source;
    }
  }
  return best;
}

Task ready_task(Core& core, const Queue::Head& head) {
  const TaskId& id = head.entry.id;
  std::optional<Task> task = head.fresh ? core.find_fresh(id) : core.find(id);
  if (!task || task->state() != TaskState::ready) {
    throw StoreFailure{{.code = ErrorCode::store_corrupt,
                        .detail = "task " + id.text() + " is listed as ready but is not"}};
  }
  return std::move(*task);
}

// Buries a task that must not start any more: its timer is due but was not looked at yet, or the
// limit on attempts was lowered while it waited. False: it may start.
bool bury(Core& core, Task& task) {
  const Places places = places_of(task.id, *task.body, task.status, task.as_submitted);
  if (places.expire_at && *places.expire_at <= core.now.wall) {
    expire(core, task);
  } else if (task.status.attempts() >= core.max_attempts(task)) {
    give_up(core, task);
  } else {
    return false;
  }
  return true;
}

struct Round {
  std::vector<TaskView> leased;
  // It stopped early, so that others are served in between: there may be more. The next tick goes
  // on with it.
  bool unfinished = false;
};

Round lease_ready(Core& core, const Lease& command) {
  std::vector<Source> sources = sources_of(core, command.queues);
  const LeaseGrant grant{.lease = command.lease, .worker_id = command.worker_id};
  Round round;
  std::size_t bytes = 0;
  std::size_t buried = 0;
  while (round.leased.size() < command.tasks_max && bytes < core.options.lease_bytes_max) {
    Source* source = best_of(sources);
    if (source == nullptr) break;
    // A backlog of what may not start must not hold up everybody else.
    if (source->next.searching || buried == core.options.tick_tasks_max) {
      core.look_again_next_tick(*source->queue);
      round.unfinished = true;
      break;
    }
    Task task = ready_task(core, *source->next.head);
    if (bury(core, task)) {
      ++buried;
    } else {
      start(core, task, grant);
      round.leased.push_back(core.view(std::move(task), Detail::whole));
      bytes += round.leased.back().byte_count();
    }
    source->next = core.next_of(*source->queue);
  }
  return round;
}

// Leases for a parked call; true: it was answered, and is parked no longer.
bool serve(Core& core, Ticket ticket) {
  Waiters::ParkedLease& parked = *core.waiters.lease(ticket);
  Round round = lease_ready(core, parked.lease);
  parked.unfinished = round.unfinished;
  if (round.leased.empty()) return false;
  core.reply(ticket, Leased{std::move(round.leased), std::move(parked.settled)});
  core.waiters.remove(ticket);
  return true;
}

}  // namespace

void lease(Core& core, Ticket ticket, Lease&& command) {
  std::vector<Settled> settled = settle_all(core, std::move(command.settle), command.scope);
  command.settle.clear();
  if (core.draining && settled.empty()) {
    return core.reply(
        ticket,
        Error{.code = ErrorCode::draining,
              .detail = "the server is draining and gives out no leases; try again when it is back",
              .retry_after_seconds = 5});
  }
  Round round;
  if (!core.draining) round = lease_ready(core, command);
  const bool waits = command.wait > Duration{0} || round.unfinished;
  const bool parks = waits && round.leased.empty() && command.tasks_max > 0 && !core.draining;
  if (!parks) return core.reply(ticket, Leased{std::move(round.leased), std::move(settled)});
  const Steady deadline = core.now.steady + command.wait;
  core.waiters.park(ticket,
                    Waiters::ParkedLease{std::move(command), std::move(settled), round.unfinished},
                    deadline);
}

void answer_parked(Core& core, Ticket ticket) {
  if (Waiters::ParkedLease* parked = core.waiters.lease(ticket)) {
    core.reply(ticket, Leased{{}, std::move(parked->settled)});
  } else if (core.waiters.drains().contains(ticket)) {
    core.reply(ticket, Drained{core.leases.size()});
  } else {
    core.reply(ticket, Done{});
  }
  core.waiters.remove(ticket);
}

bool end_wait(Core& core, Ticket ticket) {
  const Waiters::ParkedLease* parked = core.waiters.lease(ticket);
  if (parked != nullptr && parked->unfinished && !core.draining) {
    if (serve(core, ticket)) return true;
    if (parked->unfinished) return false;
  }
  answer_parked(core, ticket);
  return true;
}

void serve_waiters(Core& core) {
  if (core.wake.empty()) return;
  // Who is to be woken again meanwhile waits for the next call.
  for (Queue* queue : std::exchange(core.wake, {})) {
    queue->wake_due = false;
    // As many waiters as there are tasks: nobody is woken for nothing.
    while (const std::optional<Ticket> ticket = core.waiters.first_on(*queue->name())) {
      if (!serve(core, *ticket)) break;
    }
  }
}

void take_back_undelivered(Core& core, const Undelivered& command) {
  for (const Undelivered::Held& held : command.leases) {
    const HeldTask* lease = core.leases.find(held.id);
    if (lease == nullptr || lease->status.lease().token() != held.token) continue;
    std::optional<Task> task = core.find(held.id);
    ++core.queue_of(*task).tally().undelivered;
    take_back(core, *task);
  }
}

}  // namespace quern::engine
