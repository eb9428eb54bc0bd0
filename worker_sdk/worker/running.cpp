#include <utility>

#include "worker/pool.h"

namespace quern {

void Pool::run_handlers() {
  while (const std::shared_ptr<Attempt> attempt = next_attempt()) {
    Context context(*this, attempt);
    finish(attempt, run_handler(handler_for(attempt->task.type), context));
  }
}

std::shared_ptr<Attempt> Pool::next_attempt() {
  std::unique_lock lock(mutex_);
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
  return attempt;
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

void Pool::finish(const std::shared_ptr<Attempt>& attempt, Settlement outcome) {
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
  if (attempts_.size() <= lease_when_) lease_wake_.notify_one();
  if (may_report()) report_wake_.notify_one();
  idle_wake_.notify_one();
}

}  // namespace quern
