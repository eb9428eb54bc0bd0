// How many tasks one lease call asks for at most.
//
// Shape    as many as arrive long before their leases end, however large they are and slow the way:
//          what is still on its way gets no heartbeats. A few at first; twice as many as long as
//          they come in no time, half as many when they take too long.
// Threads  guarded by Pool's mutex.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "quern/protocol/limits.h"
#include "quern/protocol/timestamp.h"

namespace quern {

class Portion {
 public:
  using Time = std::chrono::nanoseconds;

  std::size_t tasks_max() const { return tasks_max_; }

  // A call that did not wait for tasks brought so many, with leases of that length.
  void arrived(std::size_t tasks, Time took, Duration lease) {
    if (took > lease / 6) {
      tasks_max_ = std::max<std::size_t>(tasks / 2, 1);
    } else if (took < lease / 24 && tasks >= tasks_max_) {
      tasks_max_ = std::min(2 * tasks_max_, limits::lease_tasks_max);
    }
  }
  // No answer in time: perhaps it was too large.
  void timed_out() { tasks_max_ = std::max<std::size_t>(tasks_max_ / 2, 1); }

 private:
  std::size_t tasks_max_ = 4;
};

}  // namespace quern
