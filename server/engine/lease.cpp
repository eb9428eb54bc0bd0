// Lease: hands ready tasks to workers, now or as soon as there are some.

#include "engine/commands.h"
#include "engine/transitions.h"

namespace quern::engine {

namespace {

// Highest priority first, then ready longest, then submitted first.
bool goes_before(const Queue::Head& a, const Queue::Head& b) {
  return a.priority != b.priority ? a.priority > b.priority : a.entry < b.entry;
}

// Leases the best task over the named queues; nullopt when none is ready.
std::optional<Task> lease_best(Core& core, std::vector<Queue*>& queues, const LeaseGrant& grant) {
  for (;;) {
    std::optional<Queue::Head> best;
    for (Queue* queue : queues) {
      const std::optional<Queue::Head> head = core.head(*queue);
      if (head && (!best || goes_before(*head, *best))) best = head;
    }
    if (!best) return std::nullopt;
    std::optional<Task> task = core.find(best->entry.id);
    if (!task || task->state() != TaskState::ready) {
      throw StoreFailure{
          {.code = ErrorCode::store_corrupt,
           .detail = "task " + best->entry.id.text() + " is listed as ready but is not"}};
    }
    if (task->status.attempts() >= core.max_attempts(*task)) {
      give_up(core, *task);
      continue;
    }
    start(core, *task, grant);
    return task;
  }
}

std::vector<TaskView> lease_ready(Core& core, const Lease& command) {
  std::vector<Queue*> queues;
  queues.reserve(command.queues.size());
  for (const std::string& name : command.queues) {
    if (Queue* queue = core.find_queue(name)) queues.push_back(queue);
  }
  const LeaseGrant grant{.lease = command.lease, .worker_id = command.worker_id};
  std::vector<TaskView> leased;
  while (leased.size() < command.tasks_max) {
    const std::optional<Task> task = lease_best(core, queues, grant);
    if (!task) break;
    leased.push_back(core.view(*task, Detail::whole));
  }
  return leased;
}

}  // namespace

void lease(Core& core, Ticket ticket, Lease&& command) {
  std::vector<Settled> settled = settle_all(core, std::move(command.settle));
  command.settle.clear();
  if (core.draining && settled.empty()) {
    return core.reply(
        ticket,
        Error{.code = ErrorCode::draining,
              .detail =
                  "the server is shutting down and gives out no leases; try again when it is back",
              .retry_after_seconds = 5});
  }
  std::vector<TaskView> leased;
  if (!core.draining) leased = lease_ready(core, command);
  const bool parks =
      leased.empty() && command.tasks_max > 0 && command.wait > Duration{0} && !core.draining;
  if (!parks) return core.reply(ticket, Leased{std::move(leased), std::move(settled)});
  const Duration deadline = core.now.steady + command.wait;
  core.waiters.park(ticket, Waiters::ParkedLease{std::move(command), std::move(settled)}, deadline);
}

void answer_parked(Core& core, Ticket ticket) {
  if (Waiters::ParkedLease* parked = core.waiters.lease(ticket)) {
    core.reply(ticket, Leased{{}, std::move(parked->settled)});
  } else {
    core.reply(ticket, Done{});
  }
  core.waiters.remove(ticket);
}

void serve_waiters(Core& core) {
  while (!core.wake.empty()) {
    Queue& queue = *core.wake.back();
    core.wake.pop_back();
    queue.wake_due = false;
    // As many waiters as there are tasks: nobody is woken for nothing.
    while (const std::optional<Ticket> ticket = core.waiters.first_on(*queue.name())) {
      Waiters::ParkedLease& parked = *core.waiters.lease(*ticket);
      std::vector<TaskView> leased = lease_ready(core, parked.lease);
      if (leased.empty()) break;
      core.reply(*ticket, Leased{std::move(leased), std::move(parked.settled)});
      core.waiters.remove(*ticket);
    }
  }
}

void take_back_undelivered(Core& core, const Undelivered& command) {
  for (const Undelivered::Held& held : command.leases) {
    const HeldTask* lease = core.leases.find(held.id);
    if (lease == nullptr || lease->status.lease().token() != held.token) continue;
    std::optional<Task> task = core.find(held.id);
    take_back(core, *task);
  }
}

}  // namespace quern::engine
