#include "worker/loop.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "problem.h"
#include "quern/protocol/limits.h"

namespace quern {
namespace {

using std::chrono::steady_clock;

// How long handlers have, once asked to stop, before their tasks are given back under them; and how
// long the last reports may take after that.
constexpr Duration last_grace{5'000};
// Between two heartbeats that carry progress.
constexpr Duration progress_interval{500};

std::string default_worker_id() {
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  return std::string(host) + ":" + std::to_string(getpid());
}

void log_to_stderr(LogLevel level, std::string_view text) {
  if (level < LogLevel::warning) return;
  std::fprintf(stderr, "quern worker: %.*s\n", static_cast<int>(text.size()), text.data());
}

WorkerOptions checked(WorkerOptions options) {
  const auto refuse = [](const char* field, const char* why) {
    throw ApiError(invalid_argument(field, why));
  };
  if (options.queues.empty()) refuse("queues", "must name at least one queue");
  if (options.concurrency < 1 || options.concurrency > limits::lease_tasks_max) {
    refuse("concurrency", "must be 1..1000");
  }
  if (options.lease < limits::lease_min || options.lease > limits::lease_max) {
    refuse("lease", "must be from 1 second to 12 hours");
  }
  if (options.wait < Duration{1'000} || options.wait > limits::wait_max) {
    refuse("wait", "must be 1 to 60 seconds");
  }
  options.heartbeat = std::clamp(options.heartbeat, Duration{100}, options.lease / 3);
  if (options.worker_id.empty()) options.worker_id = default_worker_id();
  if (!options.log) options.log = log_to_stderr;
  return options;
}

ClientOptions own_client_options(ClientOptions options, const WorkerOptions& worker) {
  options.retry_for = Duration{0};
  // A call that hangs must not cost the lease: two more heartbeats fit in.
  options.timeout = std::min(options.timeout, std::max(worker.lease / 3, Duration{1'000}));
  options.connect_timeout = std::min(options.connect_timeout, options.timeout);
  return options;
}

// A refusal that will not go away by itself, as opposed to a server that is away or busy.
bool is_refusal(ErrorCode code) {
  return !sdk::is_transient(code) && code != ErrorCode::store_corrupt &&
         code != ErrorCode::internal;
}

}  // namespace

WorkerLoop::WorkerLoop(Client& client, WorkerOptions options)
    : client_(client),
      options_(checked(std::move(options))),
      own_client_(own_client_options(client.options(), options_)) {}

void WorkerLoop::add(std::string type, Worker::Handler handler) {
  handlers_[std::move(type)] = std::move(handler);
}

void WorkerLoop::run() {
  std::vector<std::jthread> handlers;
  for (std::uint32_t i = 0; i < options_.concurrency; ++i) {
    handlers.emplace_back([this] { run_handlers(); });
  }
  std::jthread reporter([this] { report_until_closed(); });
  const std::optional<Error> refusal = lease_until_stopped();
  drain();
  handlers.clear();  // joins; a handler that ignores its stop token is waited for
  reporter.join();
  if (refusal) throw ApiError(*refusal);
}

void WorkerLoop::stop() {
  stopping_.request_stop();
  const std::lock_guard lock(mutex_);
  lease_wake_.notify_all();
}

WorkerStats WorkerLoop::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

Timestamp WorkerLoop::deadline(const Attempt& attempt) const {
  const std::lock_guard lock(mutex_);
  return attempt.deadline;
}

void WorkerLoop::show_progress(Attempt& attempt, std::string json) {
  const std::lock_guard lock(mutex_);
  attempt.progress = std::move(json);
  attempt.heartbeat_due = std::min(attempt.heartbeat_due, attempt.heartbeat_at + progress_interval);
  report_wake_.notify_one();
}

// --- leasing
// --------------------------------------------------------------------------------------

std::optional<Error> WorkerLoop::lease_until_stopped() {
  sdk::Backoff backoff(Duration{100}, Duration{5'000});
  bool answered = false;
  bool quiet = false;  // the last answer brought nothing
  while (auto request = next_lease(quiet)) {
    const SteadyTime asked_at = steady_clock::now();
    try {
      LeaseAnswer answer = own_client_.lease(*request, stopping_.get_token());
      answered = true;
      server_answered();
      quiet = answer.tasks.empty();
      begin(std::move(answer.tasks), asked_at);
      settled(request->settle, answer.settled, asked_at);
      // A server that ends a long poll at once, as one that is draining does, is not asked at once
      // again.
      if (quiet && steady_clock::now() - asked_at < request->wait / 2) {
        pause_leasing(backoff.next());
      } else {
        backoff.reset();
      }
    } catch (const ApiError& error) {
      if (!answered && is_refusal(error.code())) return error.error();
      if (!stopping_.stop_requested()) server_failed(error.error());
      if (is_refusal(error.code()) && !request->settle.empty()) {
        report(std::move(request->settle));  // perhaps one of them is the cause
      } else {
        undelivered(std::move(request->settle));
      }
      pause_leasing(std::max(backoff.next(), error.retry_after()));
    }
  }
  return std::nullopt;
}

void WorkerLoop::pause_leasing(Duration time) {
  std::unique_lock lock(mutex_);
  parked_ = true;
  report_wake_.notify_one();
  lease_wake_.wait_for(lock, time, [this] { return stopping_.stop_requested(); });
}

// Waits until there is room for a task. nullopt: stop. `quiet`: the last call found nothing, so
// that the next one may as well wait at the server.
std::optional<LeaseRequest> WorkerLoop::next_lease(bool quiet) {
  std::unique_lock lock(mutex_);
  parked_ = false;
  lease_wake_.wait(lock, [this] {
    return stopping_.stop_requested() || attempts_.size() < options_.concurrency;
  });
  if (stopping_.stop_requested()) return std::nullopt;
  LeaseRequest request{
      .queues = options_.queues,
      .max_tasks = static_cast<std::uint32_t>(options_.concurrency - attempts_.size()),
      .lease = options_.lease,
      .worker_id = options_.worker_id,
      .settle = outbox_.take()};
  in_flight_ += request.settle.size();
  if (quiet && request.settle.empty()) {
    request.wait = options_.wait;
    parked_ = true;
  }
  return request;
}

void WorkerLoop::begin(std::vector<Task> tasks, SteadyTime asked_at) {
  const std::lock_guard lock(mutex_);
  parked_ = false;
  stats_.leased += tasks.size();
  for (Task& task : tasks) {
    if (!task.lease) continue;
    auto attempt = std::make_shared<Attempt>(std::move(task));
    // The lease runs from when the server granted it, which was after we asked: so this is early.
    // A long poll makes it much too early; but then it was granted just now.
    const SteadyTime granted_at = std::max(asked_at, steady_clock::now() - Duration{1'000});
    attempt->lease_until = granted_at + options_.lease;
    attempt->heartbeat_at = granted_at;
    attempt->heartbeat_due = granted_at + options_.heartbeat;
    unstarted_.push_back(attempt);
    attempts_.emplace(attempt->task.lease->token, std::move(attempt));
    handler_wake_.notify_one();
  }
  report_wake_.notify_one();
}

// --- running handlers
// -----------------------------------------------------------------------------

void WorkerLoop::run_handlers() {
  while (const std::shared_ptr<Attempt> attempt = next_attempt()) {
    Context context(*this, attempt);
    finish(attempt, run_handler(handler_for(attempt->task.type), context));
  }
}

std::shared_ptr<Attempt> WorkerLoop::next_attempt() {
  std::unique_lock lock(mutex_);
  handler_wake_.wait(
      lock, [this] { return closed_ || (!unstarted_.empty() && !stopping_.stop_requested()); });
  if (closed_) return nullptr;
  auto attempt = std::move(unstarted_.front());
  unstarted_.pop_front();
  return attempt;
}

const Worker::Handler* WorkerLoop::handler_for(const std::string& type) const {
  auto found = handlers_.find(type);
  if (found == handlers_.end()) found = handlers_.find("");
  return found == handlers_.end() ? nullptr : &found->second;
}

void WorkerLoop::finish(const std::shared_ptr<Attempt>& attempt, Settlement outcome) {
  const std::lock_guard lock(mutex_);
  attempts_.erase(attempt->task.lease->token);
  if (attempt->lost) {
    ++stats_.lease_lost;
  } else if (!attempt->released) {
    // A handler that gave up because it was asked to has not failed.
    const bool gave_up = attempt->shutting_down && outcome.op == SettleOp::fail &&
                         outcome.retryable && !outcome.retry_after;
    outbox_.add(gave_up ? settlement_for(attempt->task, SettleOp::release) : std::move(outcome));
  }
  lease_wake_.notify_one();
  if (may_report()) report_wake_.notify_one();
  idle_wake_.notify_one();
}

// --- reporting
// ------------------------------------------------------------------------------------

void WorkerLoop::report_until_closed() {
  sdk::Backoff backoff(Duration{100}, Duration{2'000});
  for (;;) {
    std::vector<Settlement> batch = next_report();
    if (batch.empty()) return;
    const std::optional<Error> error = report(std::move(batch));
    if (!error) {
      backoff.reset();
      continue;
    }
    const std::lock_guard lock(mutex_);
    report_not_before_ =
        steady_clock::now() + std::max(backoff.next(), Duration{1000} * error->retry_after_seconds);
  }
}

// Waits until something is to be sent. Empty: closed.
std::vector<Settlement> WorkerLoop::next_report() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (closed_) return {};
    const SteadyTime now = steady_clock::now();
    if (now >= report_not_before_) {
      std::vector<Settlement> batch;
      if (may_report()) batch = outbox_.take();
      in_flight_ += batch.size();
      add_heartbeats(batch, now);
      if (!batch.empty()) return batch;
    }
    report_wake_.wait_until(lock, next_report_at());
  }
}

Attempt::SteadyTime WorkerLoop::next_report_at() const {
  SteadyTime at = steady_clock::now() + std::chrono::hours(1);
  if (may_report() && !outbox_.empty()) at = std::min(at, report_not_before_);
  for (const auto& [token, attempt] : attempts_) {
    if (!attempt->lost) at = std::min(at, std::max(attempt->heartbeat_due, report_not_before_));
  }
  return at;
}

void WorkerLoop::add_heartbeats(std::vector<Settlement>& batch, SteadyTime now) {
  for (const auto& [token, attempt] : attempts_) {
    if (attempt->lost || attempt->released || attempt->heartbeat_due > now) continue;
    // Not heard of by the server for a whole lease: when it answers again, it will have given the
    // task to somebody else.
    if (now >= attempt->lease_until) attempt->stop.request_stop();
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
std::optional<Error> WorkerLoop::report(std::vector<Settlement> batch) {
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
    const bool refusal = is_refusal(error.code()) && error.code() != ErrorCode::unauthorized &&
                         error.code() != ErrorCode::forbidden;
    if (!refusal) {
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

void WorkerLoop::settled(const std::vector<Settlement>& sent, const std::vector<Settled>& answers,
                         SteadyTime sent_at) {
  static const Settled unanswered{
      .problem = Error{.code = ErrorCode::store_unavailable, .detail = "no answer for this item"}};
  for (std::size_t i = 0; i < sent.size(); ++i) {
    settled_one(sent[i], i < answers.size() ? answers[i] : unanswered, sent_at);
  }
}

void WorkerLoop::settled_one(const Settlement& sent, const Settled& answer, SteadyTime sent_at) {
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
  const std::lock_guard lock(mutex_);
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
    attempt.stop.request_stop();
  } else {
    attempt.lease_until = sent_at + options_.lease;
    if (answer.lease_expires_at) attempt.deadline = *answer.lease_expires_at;
  }
}

// The server will never accept `sent`: a result that is too large, say.
void WorkerLoop::refused(const Settlement& sent, const Error& error) {
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

void WorkerLoop::undelivered(std::vector<Settlement> batch) {
  const std::lock_guard lock(mutex_);
  for (Settlement& item : batch) {
    if (item.op == SettleOp::heartbeat) missed_heartbeat(std::move(item));
  }
  std::erase_if(batch, [](const Settlement& item) { return item.op == SettleOp::heartbeat; });
  in_flight_ -= batch.size();
  outbox_.put_back(std::move(batch));
}

// The next one is due as soon as the server is tried again, and takes the progress along.
void WorkerLoop::missed_heartbeat(Settlement beat) {
  const auto found = attempts_.find(beat.lease_token);
  if (found == attempts_.end()) return;
  Attempt& attempt = *found->second;
  attempt.heartbeat_due = steady_clock::now();
  if (attempt.progress.empty()) attempt.progress = std::move(beat.progress);
}

void WorkerLoop::server_answered() {
  {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(away_, false)) return;
    ++stats_.reconnects;
  }
  log(LogLevel::info, "the server is back");
}

void WorkerLoop::server_failed(const Error& error) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = !std::exchange(away_, true);
  }
  log(first ? LogLevel::warning : LogLevel::debug,
      std::string(to_string(error.code)) + ": " + error.detail + "; trying again until it answers");
}

void WorkerLoop::log(LogLevel level, const std::string& text) {
  const std::lock_guard lock(log_mutex_);
  options_.log(level, text);
}

// --- ending
// ---------------------------------------------------------------------------------------

void WorkerLoop::drain() {
  release_unstarted();
  if (!wait_until_idle(options_.grace, true)) {
    ask_running_to_stop();
    if (!wait_until_idle(last_grace, true)) {
      release_running();
      if (!wait_until_idle(last_grace, false)) {
        log(LogLevel::error,
            "ending with reports that the server did not take: those tasks will run again when "
            "their leases end");
      }
    }
  }
  const std::lock_guard lock(mutex_);
  closed_ = true;
  handler_wake_.notify_all();
  report_wake_.notify_all();
}

// Whether everything is reported (and nothing running, if `running_too`) within `time_max`.
bool WorkerLoop::wait_until_idle(Duration time_max, bool running_too) {
  std::unique_lock lock(mutex_);
  return idle_wake_.wait_for(lock, time_max, [&] {
    return outbox_.empty() && in_flight_ == 0 && (!running_too || attempts_.empty());
  });
}

void WorkerLoop::release_unstarted() {
  const std::lock_guard lock(mutex_);
  parked_ = false;
  draining_ = true;
  for (const auto& attempt : unstarted_) {
    attempts_.erase(attempt->task.lease->token);
    outbox_.add(settlement_for(attempt->task, SettleOp::release));
  }
  unstarted_.clear();
  report_wake_.notify_one();
}

void WorkerLoop::ask_running_to_stop() {
  const std::lock_guard lock(mutex_);
  for (const auto& [token, attempt] : attempts_) {
    attempt->shutting_down = true;
    attempt->stop.request_stop();
  }
}

void WorkerLoop::release_running() {
  const std::lock_guard lock(mutex_);
  for (const auto& [token, attempt] : attempts_) {
    if (attempt->lost) continue;
    attempt->released = true;
    outbox_.add(settlement_for(attempt->task, SettleOp::release));
  }
  report_wake_.notify_one();
}

}  // namespace quern
