#include <string>
#include <utility>

#include "worker/pool.h"

namespace quern {

using std::chrono::steady_clock;

namespace {

// A handler that was asked to stop and did says what it can: why it was asked decides whether the
// attempt has failed.
Settlement as_meant(const Attempt& attempt, Settlement outcome) {
  if (attempt.shutting_down) {
    // One that gave up because the worker ends has not failed.
    const bool gave_up = outcome.op == SettleOp::fail && outcome.retryable && !outcome.retry_after;
    return gave_up ? settlement_for(attempt.task, SettleOp::release) : std::move(outcome);
  }
  if (outcome.op == SettleOp::release && attempt.timing_out()) {
    // Given back without losing an attempt, it would time out again and again for ever.
    Settlement failure = settlement_for(attempt.task, SettleOp::fail);
    failure.error = {.type = "timeout", .message = "the attempt's time-out was near"};
    return failure;
  }
  return outcome;
}

std::string failure_text(const Settlement& failure) {
  std::string text = "attempt failed: " + failure.error.type + ": " + failure.error.message;
  text += failure.retryable ? "; it may be retried" : "; no retry can help";
  return text;
}

}  // namespace

void Pool::run_handlers() {
  std::shared_ptr<Attempt> attempt;
  std::shared_ptr<Attempt> done;  // freed without the lock: that takes longer than all else here
  std::unique_lock lock(mutex_);
  while ((attempt = next_attempt(lock))) {
    lock.unlock();
    done.reset();
    const SteadyTime began = steady_clock::now();
    Context context(*this, attempt);
    const Worker::Handler* const handler = handler_for(attempt->task.type);
    Settlement outcome = run_handler(handler, context);
    const auto took = steady_clock::now() - began;
    lock.lock();
    prefetch_.handler_took(took);
    if (attempt->lost && options_.on_settled) {
      const Settled answer{.id = attempt->task.id, .problem = attempt->lost};
      lock.unlock();
      tell_settled(outcome, answer);
      lock.lock();
    }
    const std::string failure = finish(*attempt, std::move(outcome));
    if (!failure.empty() && is_worth_a_line(handler, attempt->task.type)) {
      lock.unlock();
      context.log(LogLevel::warning, failure);
      lock.lock();
    }
    done = std::move(attempt);
  }
}

std::shared_ptr<Attempt> Pool::next_attempt(std::unique_lock<std::mutex>& lock) {
  for (;;) {
    while (!closed_ && (unstarted_.empty() || stopping_.stop_requested())) {
      ++handlers_idle_;
      handler_wake_.wait(lock);
      --handlers_idle_;
      handler_waking_ = false;
    }
    if (closed_) return nullptr;
    auto attempt = std::move(unstarted_.front());
    unstarted_.pop_front();
    wake_handler();
    if (!attempt->lost) return attempt;
    drop(*attempt);  // lost while it waited: somebody else may have it by now
  }
}

// Threads wake in a chain, each the next one if there is something left for it. Handlers that end
// at once then share a few threads, instead of a switch of threads for every task.
void Pool::wake_handler() {
  if (unstarted_.empty() || handlers_idle_ == 0 || handler_waking_) return;
  handler_waking_ = true;
  handler_wake_.notify_one();
}

const Worker::Handler* Pool::handler_for(const std::string& type) const {
  auto found = handlers_.find(type);
  if (found == handlers_.end()) found = handlers_.find("");
  return found == handlers_.end() ? nullptr : &found->second;
}

// Whether a failed attempt is logged. Who set on_settled hears of it there. That there is no
// handler for a type is said once, however many tasks of it come.
bool Pool::is_worth_a_line(const Worker::Handler* handler, const std::string& type) {
  if (handler != nullptr) return !options_.on_settled;
  return unknown_types_.size() < unknown_types_max && unknown_types_.insert(type).second;
}

// Puts the outcome into the outbox. What to log about it: that the attempt failed, else nothing.
std::string Pool::finish(const Attempt& attempt, Settlement outcome) {
  std::string failure;
  if (attempt.lost) {
    ++stats_.lease_lost;
  } else if (!attempt.released) {
    outcome = as_meant(attempt, std::move(outcome));
    if (outcome.op == SettleOp::fail) failure = failure_text(outcome);
    outbox_.add(std::move(outcome));
  }
  attempts_.erase(attempt.task.lease->token);
  one_less_in_hand();
  return failure;
}

// Gives back a task whose handler has not started.
void Pool::drop(const Attempt& attempt) {
  if (attempt.lost) {
    ++stats_.lease_lost;
  } else {
    outbox_.add(settlement_for(attempt.task, SettleOp::release));
  }
  attempts_.erase(attempt.task.lease->token);
  one_less_in_hand();
}

// Wakes whoever is to go on now that there is room for a task, or something to report.
void Pool::one_less_in_hand() {
  if (lease_when_ && attempts_.size() <= *lease_when_) {
    lease_wake_.notify_one();  // takes the report along
  } else if (may_report()) {
    report_wake_.notify_one();
  }
  idle_wake_.notify_one();
}

}  // namespace quern
