#include <utility>

#include "worker/pool.h"

namespace quern {

using std::chrono::steady_clock;

void Pool::run_handlers() {
  std::shared_ptr<Attempt> attempt;
  std::shared_ptr<Attempt> done;  // freed without the lock: that takes longer than all else here
  std::unique_lock lock(mutex_);
  while ((attempt = next_attempt(lock))) {
    lock.unlock();
    done.reset();
    const SteadyTime began = steady_clock::now();
    Context context(*this, attempt);
    Settlement outcome = run_handler(handler_for(attempt->task.type), context);
    const auto took = steady_clock::now() - began;
    lock.lock();
    prefetch_.handler_took(took);
    if (attempt->lost && options_.on_settled) {
      const Settled answer{.id = attempt->task.id, .problem = attempt->lost};
      lock.unlock();
      tell_settled(outcome, answer);
      lock.lock();
    }
    finish(*attempt, std::move(outcome));
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

void Pool::finish(const Attempt& attempt, Settlement outcome) {
  if (attempt.lost) {
    ++stats_.lease_lost;
  } else if (!attempt.released) {
    // A handler that gave up because it was asked to has not failed.
    const bool gave_up = attempt.shutting_down && outcome.op == SettleOp::fail &&
                         outcome.retryable && !outcome.retry_after;
    outbox_.add(gave_up ? settlement_for(attempt.task, SettleOp::release) : std::move(outcome));
  }
  attempts_.erase(attempt.task.lease->token);
  one_less_in_hand();
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
