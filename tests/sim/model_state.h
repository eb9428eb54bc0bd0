// What the model knows: tasks and queues in plain containers, searched from end to end.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "edges.h"
#include "engine/command.h"
#include "engine/now.h"

namespace quern::sim {

using QueueNumber = std::uint32_t;

struct Failure {
  std::uint32_t attempt = 0;
  std::int64_t at = 0;
  std::string worker, type, message, details;
};

struct Task {
  TaskId id;
  QueueNumber queue = 0;
  std::shared_ptr<const record::TaskBody> asked;  // as the client said it, payload included
  std::int64_t created_at = 0;
  std::int64_t expires_at = 0;  // 0: never, or no longer

  TaskState state = TaskState::ready;
  bool as_submitted = true;
  std::uint32_t attempts = 0;
  std::uint32_t redrives = 0;
  std::int64_t ready_since = 0;  // its place in the order of its priority
  std::int64_t run_at = 0;
  std::int64_t started_at = 0;
  std::int64_t finished_at = 0;
  DeadReason dead_reason = DeadReason::none;
  std::vector<Failure> failures;  // the last ten
  std::string result, progress;

  // While it runs.
  std::string token, worker;
  std::int64_t lease_ms = 0;
  std::int64_t lease_ends = 0;  // by the wall clock
  engine::Steady deadline{0};
  engine::Steady began{0};
  bool first_start = false;

  // The call that ended the last attempt.
  std::string ended_by;  // its token; empty: none did
  engine::SettleVerb ended_how = engine::SettleVerb::complete;
  bool ended_retryable = true;
  std::optional<Duration> ended_retry_after;

  QueueNumber home() const { return id.queue(); }
  bool may_expire() const {
    const bool waits = state == TaskState::scheduled || state == TaskState::ready;
    return waits && expires_at != 0 && started_at == 0 && redrives == 0;
  }
  From from() const;
};

struct Queue {
  QueueNumber number = 0;
  std::string name;
  QueueSettings settings;
  bool deleting = false;
};

// What survives a restart. A copy is cheap: tasks are shared until one of both is changed.
struct State {
  std::map<TaskId, std::shared_ptr<Task>> tasks;
  std::map<QueueNumber, Queue> queues;
  std::map<std::pair<QueueNumber, std::string>, TaskId> keys;  // idempotency keys of a queue
  QueueNumber last_queue = 0;
  TaskId newest_id{};
  std::uint64_t commits = 0;  // the sequence number of the last one

  const Task* find(const TaskId& id) const;
  // To be changed.
  Task& edit(const TaskId& id);
  void erase(const TaskId& id);
  Queue* find_queue(const std::string& name);
  std::array<std::uint64_t, task_state_count> counts(QueueNumber queue) const;
  std::uint64_t unfinished(QueueNumber queue) const;
  // The task's own, else its queue's.
  std::uint32_t max_attempts(const Task& task) const;
  std::optional<Duration> timeout(const Task& task) const;
  RetryPolicy retry(const Task& task) const;
};

}  // namespace quern::sim
