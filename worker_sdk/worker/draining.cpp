#include <string>

#include "worker/pool.h"

namespace quern {
namespace {

// How long handlers have, once asked to stop, before their tasks are given back under them.
constexpr Duration last_grace{5'000};
// How long the last reports may take after that, beside what a stopped call lingers.
constexpr Duration last_reports{2'000};

}  // namespace

void Pool::drain() {
  release_unstarted();
  // From when it was asked for: the last lease call may have taken some of it.
  const SteadyTime grace_end =
      stopped_at_.value_or(std::chrono::steady_clock::now()) + options_.grace;
  if (!wait_until_idle(grace_end, true)) {
    ask_running_to_stop();
    if (!wait_until_idle(grace_end + last_grace, true)) {
      release_running();
      if (!wait_until_idle(grace_end + last_grace + last_reports, false)) {
        log(LogLevel::error,
            "ending with reports that the server did not take: those tasks will run again when "
            "their leases end");
      }
    }
  }
}

void Pool::close() {
  stop();
  closing_.request_stop();
  const std::lock_guard lock(mutex_);
  closed_ = true;
  handler_wake_.notify_all();
  report_wake_.notify_all();
  watch_wake_.notify_all();
}

// Whether everything is reported (and nothing running, if `running_too`) by `until`.
bool Pool::wait_until_idle(SteadyTime until, bool running_too) {
  std::unique_lock lock(mutex_);
  return idle_wake_.wait_until(lock, until, [&] {
    return outbox_.empty() && in_flight_ == 0 && (!running_too || attempts_.empty());
  });
}

void Pool::release_unstarted() {
  const std::lock_guard lock(mutex_);
  parked_ = false;
  draining_ = true;
  for (const auto& attempt : unstarted_) drop(*attempt);
  unstarted_.clear();
  report_wake_.notify_one();
}

void Pool::ask_running_to_stop() {
  const std::lock_guard lock(mutex_);
  for (const auto& [token, attempt] : attempts_) {
    attempt->shutting_down = true;
    attempt->stop_now();
  }
  watch_from(SteadyTime::min());
}

void Pool::release_running() {
  std::string still_running;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [token, attempt] : attempts_) {
      if (attempt->lost) continue;
      attempt->released = true;
      outbox_.add(settlement_for(attempt->task, SettleOp::release));
      still_running +=
          (still_running.empty() ? "" : ", ") + attempt->task.id + " (" + attempt->task.type + ")";
    }
    report_wake_.notify_one();
  }
  if (still_running.empty()) return;
  log(LogLevel::warning,
      "handlers did not stop when they were asked to; their tasks are given back and may run "
      "elsewhere at the same time, and this worker ends only when they return: " +
          still_running);
}

}  // namespace quern
