// The thread that looks at the clock. It never talks to the server, so that a server that does not
// answer delays nothing here.
#include <algorithm>

#include "worker/pool.h"

namespace quern {

using std::chrono::steady_clock;

void Pool::watch_until_closed() {
  std::unique_lock lock(mutex_);
  while (!closed_) {
    const SteadyTime now = steady_clock::now();
    give_back_waiting(now);
    std::vector<std::stop_source> due = due_to_stop(now);
    if (due.empty()) {
      watch_at_ = next_watch_at();
      watch_wake_.wait_until(lock, watch_at_);
      continue;
    }
    lock.unlock();  // what this calls is the handlers', and may come back to us
    for (std::stop_source& stop : due) stop.request_stop();
    lock.lock();
  }
}

void Pool::watch_from(SteadyTime at) {
  if (at >= watch_at_) return;
  watch_at_ = at;
  watch_wake_.notify_one();
}

void Pool::give_back_waiting(SteadyTime now) {
  if (stopping_.stop_requested()) return;  // drain() gives back all
  while (!unstarted_.empty() && handlers_idle_ == 0 &&
         unstarted_.front()->leased_at + start_wait_max <= now) {
    const auto attempt = std::move(unstarted_.front());
    unstarted_.pop_front();
    prefetch_.was_too_many();
    drop(*attempt);
  }
}

std::vector<std::stop_source> Pool::due_to_stop(SteadyTime now) const {
  std::vector<std::stop_source> due;
  for (const auto& [token, attempt] : attempts_) {
    if (now >= attempt->asked_to_stop_at() && !attempt->stop.stop_requested()) {
      due.push_back(attempt->stop);
    }
  }
  return due;
}

Attempt::SteadyTime Pool::next_watch_at() const {
  SteadyTime at = steady_clock::now() + std::chrono::hours(1);
  for (const auto& [token, attempt] : attempts_) {
    if (!attempt->stop.stop_requested()) at = std::min(at, attempt->asked_to_stop_at());
  }
  if (!unstarted_.empty()) {
    // When this one is due and a handler is idle all the same, it is being started just now.
    at = std::min(at, std::max(unstarted_.front()->leased_at + start_wait_max,
                               steady_clock::now() + Duration{10}));
  }
  return at;
}

}  // namespace quern
