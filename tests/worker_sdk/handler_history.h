// Every start of a handler, with the end of its lease: the evidence that no task was run twice
// unless its lease had really ended.
//
// Threads  any.
#pragma once

#include <chrono>
#include <condition_variable>
#include <list>
#include <map>
#include <mutex>
#include <string>

#include "quern/worker.h"

namespace quern::test {

class HandlerHistory {
 public:
  // A handler that takes until `over()`, looked at now and then, or until it is asked to stop.
  // Returns whether it came to its end.
  template <typename Over>
  bool run(const Context& context, const Over& over) {
    Timestamp& lease_end = begin(context);
    bool ended = false;
    while (!(ended = over()) && !context.stop_requested()) {
      std::unique_lock lock(mutex_);
      lease_end = context.deadline();
      changed_.wait_for(lock, std::chrono::milliseconds(5));
    }
    const std::lock_guard lock(mutex_);
    --running_;
    changed_.notify_all();
    return ended;
  }

  // Waits until so many handlers are running. False when they are not in time.
  bool await_running(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return running_ == count; });
  }
  std::size_t task_count() const {
    const std::lock_guard lock(mutex_);
    return starts_.size();
  }
  std::size_t start_count() const {
    const std::lock_guard lock(mutex_);
    std::size_t count = 0;
    for (const auto& [id, starts] : starts_) count += starts.size();
    return count;
  }
  // What went wrong first; empty: each start of a task came after the end of the lease before.
  std::string too_early() const {
    const std::lock_guard lock(mutex_);
    return too_early_;
  }

 private:
  // Server and worker share this machine's clock.
  static Timestamp now() {
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    return {std::chrono::duration_cast<Duration>(since_epoch).count()};
  }

  Timestamp& begin(const Context& context) {
    const std::lock_guard lock(mutex_);
    std::list<Timestamp>& lease_ends = starts_[context.task().id];
    if (!lease_ends.empty() && now() < lease_ends.back() && too_early_.empty()) {
      too_early_ = "task " + context.task().id + " was started again at " + to_rfc3339(now()) +
                   ", but was leased until " + to_rfc3339(lease_ends.back());
    }
    ++running_;
    changed_.notify_all();
    return lease_ends.emplace_back(context.deadline());
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // For every start of every task, oldest first, the end of its lease that the worker last heard
  // of, by the server's clock.
  std::map<std::string, std::list<Timestamp>> starts_;
  std::size_t running_ = 0;
  std::string too_early_;
};

}  // namespace quern::test
