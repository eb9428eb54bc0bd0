// What happened to tasks, and where they are now, by queue.
#include <algorithm>
#include <array>
#include <string_view>

#include "metrics/families.h"
#include "metrics/family.h"

namespace quern::server {
namespace {

using Entry = engine::FiguresBoard::Entry;
using engine::QueueFigures;
using engine::QueueTally;

struct QueueCounter {
  const char* name;
  const char* help;
  std::uint64_t QueueTally::*value;
};

constexpr std::array<QueueCounter, 14> queue_counters = {{
    {"quern_tasks_submitted_total", "Tasks that were submitted.", &QueueTally::submitted},
    {"quern_submits_replayed_total",
     "Submits whose idempotency key named a task that was there already.", &QueueTally::replayed},
    {"quern_tasks_leased_total", "Leases that were given: attempts begun.", &QueueTally::leased},
    {"quern_leases_extended_total", "Heartbeats that were accepted.", &QueueTally::extended},
    {"quern_tasks_completed_total", "Tasks that were completed.", &QueueTally::completed},
    {"quern_tasks_failed_total",
     "Attempts that failed: reported, or the lease or the time-out was over.", &QueueTally::failed},
    {"quern_tasks_retried_total", "Failed attempts after which another one follows.",
     &QueueTally::retried},
    {"quern_tasks_released_total", "Leases that were given back, not counted as attempts.",
     &QueueTally::released},
    {"quern_leases_undelivered_total",
     "Of the released: leases whose worker was gone before it heard of them.",
     &QueueTally::undelivered},
    {"quern_leases_expired_total",
     "Of the failed: leases that ran out, their workers neither settled nor sent a heartbeat.",
     &QueueTally::lease_expired},
    {"quern_leases_timed_out_total", "Of the failed: attempts that ran into their timeout_ms.",
     &QueueTally::timed_out},
    {"quern_leases_revoked_total",
     "Leases that ended because the task was cancelled or its queue deleted.",
     &QueueTally::revoked},
    {"quern_tasks_cancelled_total", "Tasks that were cancelled.", &QueueTally::cancelled},
    {"quern_tasks_redriven_total", "Dead tasks that were redriven, by the queue they died in.",
     &QueueTally::redriven},
}};

struct RemovalReason {
  engine::Removal removal;
  const char* name;
};
constexpr std::array<RemovalReason, engine::removal_count> removal_reasons = {{
    {engine::Removal::retention, "retention"},
    {engine::Removal::purge, "purge"},
    {engine::Removal::discard, "discard"},
    {engine::Removal::queue_deleted, "queue_deleted"},
}};

Family tasks_by_state(const std::vector<Entry>& queues) {
  Family family = gauge("quern_tasks", "Tasks that are there now, by state.");
  for (const Entry& queue : queues) {
    for (const TaskState state : task_states) {
      family.add({{"queue", queue.queue}, {"state", std::string(to_string(state))}},
                 static_cast<double>(queue.figures.counts[static_cast<std::size_t>(state)]));
    }
  }
  return family;
}

Family oldest_ready(const std::vector<Entry>& queues, Timestamp now) {
  Family family = gauge("quern_queue_oldest_ready_age_seconds",
                        "For how long the oldest ready task has been ready; 0 when none is.");
  for (const Entry& queue : queues) {
    const std::int64_t at = queue.figures.oldest_ready_at;
    if (at == QueueFigures::not_known_yet) continue;
    const Duration age = at == QueueFigures::nothing_ready
                             ? Duration{0}
                             : std::max(now - Timestamp{at}, Duration{0});
    family.add({{"queue", queue.queue}}, static_cast<double>(age.count()) / 1000);
  }
  return family;
}

Family dead_by_reason(const std::vector<Entry>& queues) {
  Family family = counter("quern_tasks_dead_total", "Tasks that died, by reason.");
  for (const Entry& queue : queues) {
    for (const DeadReason reason :
         {DeadReason::max_attempts, DeadReason::not_retryable, DeadReason::expired}) {
      family.add({{"queue", queue.queue}, {"reason", std::string(to_string(reason))}},
                 static_cast<double>(queue.figures.tally.dead[static_cast<std::size_t>(reason)]));
    }
  }
  return family;
}

Family removed_by_reason(const std::vector<Entry>& queues) {
  Family family =
      counter("quern_tasks_removed_total", "Tasks that are no longer there, by reason.");
  for (const Entry& queue : queues) {
    for (const auto& [removal, name] : removal_reasons) {
      family.add(
          {{"queue", queue.queue}, {"reason", name}},
          static_cast<double>(queue.figures.tally.removed[static_cast<std::size_t>(removal)]));
    }
  }
  return family;
}

Family moved(const std::vector<Entry>& queues) {
  Family family =
      counter("quern_tasks_moved_total", "Tasks that a redrive moved to another queue.");
  for (const Entry& queue : queues) {
    const QueueTally& tally = queue.figures.tally;
    family.add({{"queue", queue.queue}, {"direction", "in"}}, static_cast<double>(tally.moved_in));
    family.add({{"queue", queue.queue}, {"direction", "out"}},
               static_cast<double>(tally.moved_out));
  }
  return family;
}

}  // namespace

void add_queue_families(const std::vector<Entry>& queues, Timestamp now, Families& families) {
  families.push_back(tasks_by_state(queues).take());
  families.push_back(oldest_ready(queues, now).take());
  for (const QueueCounter& shown : queue_counters) {
    Family family = counter(shown.name, shown.help);
    for (const Entry& queue : queues) {
      family.add({{"queue", queue.queue}}, static_cast<double>(queue.figures.tally.*shown.value));
    }
    families.push_back(family.take());
  }
  families.push_back(dead_by_reason(queues).take());
  families.push_back(removed_by_reason(queues).take());
  families.push_back(moved(queues).take());

  Family wait =
      histogram("quern_task_wait_seconds", "How long tasks had been ready when they were leased.");
  Family run = histogram("quern_task_run_seconds",
                         "How long attempts took from the lease to their completion or failure.");
  for (const Entry& queue : queues) {
    wait.add_histogram({{"queue", queue.queue}}, queue.figures.tally.wait, micros_per_second);
    run.add_histogram({{"queue", queue.queue}}, queue.figures.tally.run, micros_per_second);
  }
  families.push_back(wait.take());
  families.push_back(run.take());
}

}  // namespace quern::server
