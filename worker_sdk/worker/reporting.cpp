#include <algorithm>
#include <iterator>
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

// Done, or too late: the task has moved on, and there is nothing left to say about it.
bool is_final(const Settled& answer) {
  return !answer.problem || answer.problem->code == ErrorCode::lease_lost ||
         answer.problem->code == ErrorCode::task_finished ||
         answer.problem->code == ErrorCode::task_not_found;
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
    if (now >= report_not_before_) {
      Report report;
      if (may_report()) report = outbox_.take();
      in_flight_ += report.size();
      add_heartbeats(report, now);
      if (!report.empty()) return std::move(report).take();
    }
    report_at_ = next_report_at();
    report_wake_.wait_until(lock, report_at_);
  }
}

Attempt::SteadyTime Pool::next_report_at() const {
  SteadyTime at = steady_clock::now() + std::chrono::hours(1);
  if (may_report() && !outbox_.empty()) at = std::min(at, report_not_before_);
  for (const auto& [token, attempt] : attempts_) {
    if (!attempt->lost) at = std::min(at, std::max(attempt->heartbeat_due, report_not_before_));
  }
  return at;
}

// Those for which there is no room go with the next request, at once.
void Pool::add_heartbeats(Report& report, SteadyTime now) {
  for (const auto& [token, attempt] : attempts_) {
    if (report.full()) return;
    if (attempt->lost || attempt->released || attempt->heartbeat_due > now) continue;
    Settlement beat = settlement_for(attempt->task, SettleOp::heartbeat);
    beat.lease = options_.lease;
    beat.progress = std::exchange(attempt->progress, {});
    report.add(std::move(beat));
    attempt->heartbeat_sent(now);
  }
}

// Sends reports and heartbeats that were taken; what could not be delivered goes back. The error,
// if the server is to be left alone for a while.
std::optional<Error> Pool::report(std::vector<Settlement> batch) {
  // Settles without leasing, and without being repeated by the client.
  LeaseRequest request{
      .queues = options_.queues, .max_tasks = 0, .worker_id = options_.worker_id, .settle = batch};
  {
    const std::lock_guard lock(mutex_);
    request.timeout = call_timeout();
  }
  const SteadyTime sent_at = steady_clock::now();
  try {
    const LeaseAnswer answer = own_client_.lease(request, closing_.get_token());
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
  return report_apart(std::move(batch));
}

// One of them is the cause, and must not keep the others from being reported; or together they are
// too much for a server whose limit is lower than most.
std::optional<Error> Pool::report_apart(std::vector<Settlement> batch) {
  const auto middle = batch.begin() + static_cast<std::ptrdiff_t>(batch.size() / 2);
  std::vector<Settlement> rest(std::make_move_iterator(middle),
                               std::make_move_iterator(batch.end()));
  batch.erase(middle, batch.end());
  if (auto error = report(std::move(batch))) {
    undelivered(std::move(rest));
    return error;
  }
  return report(std::move(rest));
}

void Pool::settled(const std::vector<Settlement>& sent, const std::vector<Settled>& answers,
                   SteadyTime sent_at) {
  static const Settled unanswered{
      .problem = Error{.code = ErrorCode::store_unavailable, .detail = "no answer for this item"}};
  const auto answer_to = [&](std::size_t i) -> const Settled& {
    return i < answers.size() ? answers[i] : unanswered;
  };
  if (options_.on_settled) {  // before run() can return since nothing is in flight any more
    for (std::size_t i = 0; i < sent.size(); ++i) {
      if (is_final(answer_to(i))) tell_settled(sent[i], answer_to(i));
    }
  }
  std::vector<std::pair<const Settlement*, const Error*>> refusals;
  std::vector<Settlement> again;
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < sent.size(); ++i) {
      const Settled& answer = answer_to(i);
      if (is_final(answer)) {
        settled_one(sent[i], answer, sent_at);
      } else if (is_refusal(answer.problem->code)) {
        refusals.emplace_back(&sent[i], &*answer.problem);
      } else {
        again.push_back(sent[i]);
      }
    }
    idle_wake_.notify_one();
  }
  for (const auto& [item, error] : refusals) refused(*item, *error);
  if (!again.empty()) undelivered(std::move(again));
}

void Pool::settled_one(const Settlement& sent, const Settled& answer, SteadyTime sent_at) {
  if (sent.op != SettleOp::heartbeat) {
    --in_flight_;
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
    attempt.lost = answer.problem;
    attempt.stop_now();
    watch_from(SteadyTime::min());
    return;
  }
  attempt.lease_until = sent_at + attempt.length;
  if (answer.lease_expires_at) attempt.deadline = *answer.lease_expires_at;
}

// The server will never accept `sent`: a result that is too large, say.
void Pool::refused(const Settlement& sent, const Error& error) {
  log(LogLevel::error, "task " + sent.id + ": its report was refused: " + error.detail);
  if (sent.op == SettleOp::heartbeat) return;
  if (sent.op != SettleOp::complete) tell_settled(sent, {.id = sent.id, .problem = error});
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
