// How many tasks to hold beyond those that handlers run, so that short handlers do not stand idle
// during every lease call.
//
// Shape    As many as handlers finish while one lease call is under way (Little's law): with 8
//          handlers of 5 ms and calls of 2 ms, 3; with handlers of a second, none. At most
//          one for each handler: a worker that dies takes what it holds out of reach until the
//          leases end, and each of those tasks loses an attempt.
// Threads  guarded by Pool's mutex.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace quern {

class Prefetch {
 public:
  using Time = std::chrono::nanoseconds;

  explicit Prefetch(std::size_t handlers) : handlers_(handlers) {}

  // What was fetched in advance was not started soon after all: none until handlers are seen to be
  // quick again.
  void was_too_many() { handler_time_ = slow; }
  void handler_took(Time time) { handler_time_ += (time - handler_time_) / 16; }
  // A call that did not wait for tasks to come.
  void lease_took(Time time) { lease_time_ += (time - lease_time_) / 8; }

  std::size_t count() const {
    const auto finished = static_cast<double>(lease_time_.count()) /
                          static_cast<double>(std::max<Time::rep>(handler_time_.count(), 1));
    return static_cast<std::size_t>(std::min(finished, 1.0) * static_cast<double>(handlers_));
  }

 private:
  static constexpr Time slow = std::chrono::minutes(1);

  std::size_t handlers_;
  // Moving averages. Handlers are taken for slow until they are seen to be quick.
  Time handler_time_ = slow;
  Time lease_time_{0};
};

}  // namespace quern
