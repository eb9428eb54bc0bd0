#include "engine/transitions.h"

#include <algorithm>

#include "engine/backoff.h"

namespace quern::engine {

namespace keys = storage::keys;
using storage::Table;

namespace {

void set_state(record::TaskStatus& status, TaskState state) {
  status.set_state(static_cast<std::uint32_t>(state));
}

std::string new_token(Random& random) {
  std::string token(16, '\0');
  for (std::size_t half = 0; half < 2; ++half) {
    std::uint64_t bits = random.next();
    for (std::size_t i = 0; i < 8; ++i, bits >>= 8)
      token[half * 8 + i] = static_cast<char>(bits & 0xff);
  }
  return token;
}

// From now on for as long as was granted, but not past the attempt's time-out. `elapsed` of the
// attempt is steady time; the wall clock may have jumped since it began, so both ends are told
// anew.
void set_lease_end(Core& core, const Task& task, record::Lease& lease, Duration elapsed) {
  Duration length{lease.lease_ms()};
  if (const std::optional<Duration> timeout = core.timeout(task)) {
    length = std::min(length, std::max(*timeout - elapsed, Duration{0}));
  }
  lease.set_attempt_started_at((core.now.wall - elapsed).ms);
  lease.set_expires_at((core.now.wall + length).ms);
}

void wait_until(record::TaskStatus& status, TaskState state, Timestamp at) {
  set_state(status, state);
  status.set_run_at(at.ms);
  // Its place in the order of its priority, once it is ready: since when it could have run.
  status.set_ready_at(at.ms);
}

void die(Core& core, record::TaskStatus& status, DeadReason reason) {
  set_state(status, TaskState::dead);
  status.set_dead_reason(static_cast<std::uint32_t>(reason));
  status.set_finished_at(core.now.wall.ms);
}

// Stores the failure under the next number and drops the one that is no longer among the last ten.
void record_failure(Core& core, const Task& task, record::TaskStatus& status, Failure failure) {
  const std::uint32_t number = status.failure_count();
  record::FailureRecord stored;
  stored.set_attempt(status.attempts());
  stored.set_at(core.now.wall.ms);
  stored.set_worker_id(status.lease().worker_id());
  stored.set_type(failure.type);
  stored.set_message(std::move(failure.message));
  stored.set_details(std::move(failure.details));
  core.records.put(Table::failures, keys::failure(task.id, number), stored);
  status.set_failure_count(number + 1);
  status.set_last_error_type(std::move(failure.type));
  if (number >= limits::failures_kept_max) {
    const auto kept = static_cast<std::uint32_t>(limits::failures_kept_max);
    core.records.erase(Table::failures, keys::failure(task.id, number - kept));
  }
}

}  // namespace

void start(Core& core, Task& task, const LeaseGrant& grant) {
  record::TaskStatus next = task.status;
  set_state(next, TaskState::running);
  next.set_attempts(next.attempts() + 1);
  next.clear_settled();

  record::Lease& lease = *next.mutable_lease();
  lease.set_token(new_token(core.random));
  lease.set_worker_id(grant.worker_id);
  lease.set_first_start(next.started_at() == 0);
  const Duration length = grant.lease                 ? *grant.lease
                          : task.body->has_lease_ms() ? Duration{task.body->lease_ms()}
                                                      : core.queue_of(task).settings().lease;
  lease.set_lease_ms(length.count());
  set_lease_end(core, task, lease, Duration{0});
  if (next.started_at() == 0) next.set_started_at(core.now.wall.ms);
  core.move(task, std::move(next));
}

void extend(Core& core, Task& task, std::optional<Duration> length,
            std::optional<std::string> progress) {
  record::TaskStatus next = task.status;
  record::Lease& lease = *next.mutable_lease();
  if (length) lease.set_lease_ms(length->count());
  const Steady elapsed = core.now.steady - core.leases.find(task.id)->attempt_started;
  set_lease_end(core, task, lease, std::chrono::duration_cast<Duration>(elapsed));
  if (progress) {
    const std::string key = keys::blob(task.id, keys::BlobKind::progress);
    const bool apart = progress->size() > inline_progress_bytes_max;
    if (apart) {
      core.records.put(Table::blobs, key, std::move(*progress));
      next.clear_progress();
    } else {
      if (next.progress_apart()) core.records.erase(Table::blobs, key);
      next.set_progress(std::move(*progress));
    }
    next.set_progress_apart(apart);
  }
  core.move(task, std::move(next));
}

void succeed(Core& core, Task& task, std::string result) {
  record::TaskStatus next = task.status;
  set_state(next, TaskState::succeeded);
  next.set_finished_at(core.now.wall.ms);
  next.mutable_settled()->set_token(task.status.lease().token());
  next.mutable_settled()->set_verb(record::Settled::COMPLETE);
  next.clear_lease();
  if (result.size() > inline_payload_bytes_max) {
    core.records.put(Table::blobs, keys::blob(task.id, keys::BlobKind::result), std::move(result));
    next.set_result_apart(true);
  } else {
    next.set_result(std::move(result));
  }
  core.move(task, std::move(next));
}

void fail(Core& core, Task& task, Failure failure, bool retryable,
          std::optional<Duration> retry_after, std::optional<record::Settled> settled) {
  record::TaskStatus next = task.status;
  record_failure(core, task, next, std::move(failure));
  next.clear_lease();
  next.clear_settled();
  if (settled) *next.mutable_settled() = std::move(*settled);

  if (!retryable) {
    die(core, next, DeadReason::not_retryable);
  } else if (next.attempts() >= core.max_attempts(task)) {
    die(core, next, DeadReason::max_attempts);
  } else {
    const RetryPolicy policy = effective_policy(core.queue_of(task).settings().retry, *task.body);
    const Duration wait =
        retry_after ? *retry_after : backoff_with_jitter(policy, next.attempts(), core.random);
    wait_until(next, TaskState::retrying, core.now.wall + wait);
  }
  core.move(task, std::move(next));
}

void give_back(Core& core, Task& task, Duration delay) {
  record::TaskStatus next = task.status;
  next.set_attempts(next.attempts() - 1);
  next.clear_lease();
  if (delay > Duration{0}) {
    wait_until(next, TaskState::scheduled, core.now.wall + delay);
  } else {
    set_state(next, TaskState::ready);
  }
  core.move(task, std::move(next));
}

void take_back(Core& core, Task& task) {
  record::TaskStatus next = task.status;
  next.set_attempts(next.attempts() - 1);
  if (next.lease().first_start()) next.set_started_at(0);
  next.clear_lease();
  set_state(next, TaskState::ready);
  core.move(task, std::move(next));
}

void give_up(Core& core, Task& task) {
  record::TaskStatus next = task.status;
  die(core, next, DeadReason::max_attempts);
  core.move(task, std::move(next));
}

void become_ready(Core& core, Task& task) {
  if (task.status.attempts() >= core.max_attempts(task)) return give_up(core, task);
  record::TaskStatus next = task.status;
  set_state(next, TaskState::ready);
  next.set_ready_at(next.run_at());
  core.move(task, std::move(next));
}

void expire(Core& core, Task& task) {
  record::TaskStatus next = task.status;
  die(core, next, DeadReason::expired);
  core.move(task, std::move(next));
}

void cancel(Core& core, Task& task) {
  record::TaskStatus next = task.status;
  set_state(next, TaskState::cancelled);
  next.set_finished_at(core.now.wall.ms);
  next.clear_lease();
  core.move(task, std::move(next));
}

void redrive(Core& core, Task& task, const Queue* to, std::optional<Timestamp> at) {
  record::TaskStatus next = task.status;
  next.set_attempts(0);
  next.set_redrives(next.redrives() + 1);
  next.set_finished_at(0);
  next.set_dead_reason(0);
  next.set_expiry_cleared(true);
  next.set_forget_at(0);
  if (to != nullptr) next.set_queue(to->number());
  if (at && *at > core.now.wall) {
    wait_until(next, TaskState::scheduled, *at);
  } else {
    wait_until(next, TaskState::ready, core.now.wall);
  }
  core.move(task, std::move(next));
}

}  // namespace quern::engine
