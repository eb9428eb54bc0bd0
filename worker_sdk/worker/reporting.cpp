#include <algorithm>
#include <utility>

#include "worker/pool.h"

namespace quern {

using std::chrono::steady_clock;

namespace {

// Whether what we sent is at fault, so that it would be refused again. Anything else, a revoked
// token or a stranger at the server's address, can be put right while the reports wait.
bool is_about_the_request(ErrorCode code) {
  return code == ErrorCode::invalid_argument || code == ErrorCode::invalid_json ||
         code == ErrorCode::bad_request || code == ErrorCode::payload_too_large;
}

// Leases must be kept, so that a server that asks for a longer pause is not obeyed.
constexpr Duration report_pause_max{2'000};

}  // namespace

void Pool::report_until_closed() {
  sdk::Backoff backoff(Duration{100}, report_pause_max);
  for (;;) {
    std::vector<Settlement> batch = next_report();
    if (batch.empty()) return;
    const std::optional<Error> error = report(std::move(batch));
    if (!error) {
      backoff.reset();
      continue;
    }
    const std::lock_guard lock(mutex_);
    const Duration pause = backoff.next(Duration{1000} * error->retry_after_seconds);
    report_not_before_ =
        steady_clock::now() + std::min({pause, report_pause_max, options_.heartbeat});
  }
}

// Waits until something is to be sent. Empty: closed.
std::vector<Settlement> Pool::next_report() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (closed_) return {};
    const SteadyTime now = steady_clock::now();
    if (std::vector<std::stop_source> due = due_to_stop(now); !due.empty()) {
      lock.unlock();  // what this calls is the handlers', and may come back to us
      for (std::stop_source& stop : due) stop.request_stop();
      lock.lock();
      continue;
    }
    if (now >= report_not_before_) {
      std::vector<Settlement> batch;
      if (may_report()) batch = outbox_.take();
      in_flight_ += batch.size();
      add_heartbeats(batch, now);
      if (!batch.empty()) return batch;
    }
    report_at_ = next_report_at();
    report_wake_.wait_until(lock, report_at_);
  }
}

Attempt::SteadyTime Pool::next_report_at() const {
  SteadyTime at = steady_clock::now() + std::chrono::hours(1);
  if (may_report() && !outbox_.empty()) at = std::min(at, report_not_before_);
  for (const auto& [token, attempt] : attempts_) {
    if (!attempt->stop.stop_requested()) {
      at = std::min({at, attempt->stop_at, attempt->lease_until});
    }
    if (!attempt->lost) at = std::min(at, std::max(attempt->heartbeat_due, report_not_before_));
  }
  return at;
}

std::vector<std::stop_source> Pool::due_to_stop(SteadyTime now) const {
  std::vector<std::stop_source> due;
  for (const auto& [token, attempt] : attempts_) {
    // Not heard of by the server for a whole lease: when it answers again, it will have given the
    // task to somebody else.
    if (now >= std::min(attempt->stop_at, attempt->lease_until) &&
        !attempt->stop.stop_requested()) {
      due.push_back(attempt->stop);
    }
  }
  return due;
}

void Pool::add_heartbeats(std::vector<Settlement>& batch, SteadyTime now) {
  for (const auto& [token, attempt] : attempts_) {
    if (attempt->lost || attempt->released || attempt->heartbeat_due > now) continue;
    Settlement beat = settlement_for(attempt->task, SettleOp::heartbeat);
    beat.lease = options_.lease;
    beat.progress = std::exchange(attempt->progress, {});
    batch.push_back(std::move(beat));
    attempt->heartbeat_at = now;
    attempt->heartbeat_due = now + options_.heartbeat;
  }
}

// Sends reports and heartbeats that were taken; what could not be delivered goes back. The error,
// if the server is to be left alone for a while.
std::optional<Error> Pool::report(std::vector<Settlement> batch) {
  const SteadyTime sent_at = steady_clock::now();
  try {
    // Settles without leasing, and without being repeated by the client.
    const LeaseAnswer answer = own_client_.lease({.queues = options_.queues,
                                                  .max_tasks = 0,
                                                  .worker_id = options_.worker_id,
                                                  .settle = batch});
    server_answered();
    settled(batch, answer.settled, sent_at);
    return std::nullopt;
  } catch (const ApiError& error) {
    if (!is_about_the_request(error.code())) {
      server_failed(error.error());
      undelivered(std::move(batch));
      return error.error();
    }
    if (batch.size() == 1) {
      refused(batch.front(), error.error());
      return std::nullopt;
    }
  }
  // One of them is the cause, and must not keep the others from being reported.
  std::optional<Error> error;
  for (Settlement& item : batch) {
    if (auto failed = report({std::move(item)})) error = std::move(failed);
  }
  return error;
}

void Pool::settled(const std::vector<Settlement>& sent, const std::vector<Settled>& answers,
                   SteadyTime sent_at) {
  static const Settled unanswered{
      .problem = Error{.code = ErrorCode::store_unavailable, .detail = "no answer for this item"}};
  for (std::size_t i = 0; i < sent.size(); ++i) {
    settled_one(sent[i], i < answers.size() ? answers[i] : unanswered, sent_at);
  }
}

void Pool::settled_one(const Settlement& sent, const Settled& answer, SteadyTime sent_at) {
  if (answer.problem && answer.problem->code != ErrorCode::lease_lost &&
      answer.problem->code != ErrorCode::task_finished &&
      answer.problem->code != ErrorCode::task_not_found) {
    if (is_refusal(answer.problem->code)) {
      refused(sent, *answer.problem);
    } else {
      undelivered({sent});
    }
    return;
  }
  std::unique_lock lock(mutex_);
  if (sent.op != SettleOp::heartbeat) {
    --in_flight_;
    idle_wake_.notify_one();
    if (answer.problem) {
      ++stats_.lease_lost;
    } else if (sent.op == SettleOp::complete) {
      ++stats_.succeeded;
    } else {
      ++(sent.op == SettleOp::fail ? stats_.failed : stats_.released);
    }
    return;
  }
  const auto found = attempts_.find(sent.lease_token);
  if (found == attempts_.end()) return;  // finished meanwhile
  Attempt& attempt = *found->second;
  if (answer.problem) {
    attempt.lost = true;
    std::stop_source stop = attempt.stop;
    lock.unlock();  // what this calls is the handler's, and may come back to us
    stop.request_stop();
  } else {
    const SteadyTime until = sent_at + options_.lease;
    if (answer.lease_expires_at) {
      // The lease's end moved less than time went by: the attempt's time-out cut it short.
      const SteadyTime end = attempt.end_seen + (*answer.lease_expires_at - attempt.deadline);
      if (end + clock_tolerance < until) {
        attempt.stop_at = std::min(attempt.stop_at, end - timeout_notice);
        attempt.end_seen = end;
        report_wake_.notify_one();
      } else if (*answer.lease_expires_at > attempt.deadline) {
        attempt.end_seen = steady_clock::now() + options_.lease;
      }
      attempt.deadline = *answer.lease_expires_at;
    }
    attempt.lease_until = until;
  }
}

// The server will never accept `sent`: a result that is too large, say.
void Pool::refused(const Settlement& sent, const Error& error) {
  log(LogLevel::error, "task " + sent.id + ": its report was refused: " + error.detail);
  if (sent.op == SettleOp::heartbeat) return;
  const std::lock_guard lock(mutex_);
  --in_flight_;
  if (sent.op == SettleOp::complete) {
    Settlement failure{.op = SettleOp::fail, .id = sent.id, .lease_token = sent.lease_token};
    failure.error = {.type = "ResultRefused", .message = error.detail};
    failure.retryable = false;
    outbox_.add(std::move(failure));
  }
  idle_wake_.notify_one();
}

void Pool::undelivered(std::vector<Settlement> batch) {
  const std::lock_guard lock(mutex_);
  for (Settlement& item : batch) {
    if (item.op == SettleOp::heartbeat) missed_heartbeat(std::move(item));
  }
  std::erase_if(batch, [](const Settlement& item) { return item.op == SettleOp::heartbeat; });
  in_flight_ -= batch.size();
  outbox_.put_back(std::move(batch));
}

// The next one is due as soon as the server is tried again, and takes the progress along.
void Pool::missed_heartbeat(Settlement beat) {
  const auto found = attempts_.find(beat.lease_token);
  if (found == attempts_.end()) return;
  Attempt& attempt = *found->second;
  attempt.heartbeat_due = steady_clock::now();
  if (attempt.progress.empty()) attempt.progress = std::move(beat.progress);
}

}  // namespace quern
