// When the cycles of an open loop are due.
#pragma once

#include <chrono>
#include <cstdint>

namespace quern::bench {

class Schedule {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using nanoseconds = std::chrono::nanoseconds;

  // `rate`: a second.
  Schedule(Time start, double rate) : start_(start), interval_ns_(1e9 / rate) {}

  Time next() const {
    return start_ + nanoseconds(static_cast<nanoseconds::rep>(interval_ns_ * begun_));
  }
  void advance() { ++begun_; }
  std::uint64_t due_between(Time from, Time to) const {
    return static_cast<std::uint64_t>(static_cast<double>(nanoseconds(to - from).count()) /
                                      interval_ns_);
  }

 private:
  Time start_;
  double interval_ns_;
  double begun_ = 0;
};

}  // namespace quern::bench
