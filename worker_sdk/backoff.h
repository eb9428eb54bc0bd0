// How long to wait before the next try: doubling, with jitter so that many clients spread out.
//
// Threads  one owner.
#pragma once

#include <algorithm>
#include <random>

#include "quern/protocol/timestamp.h"

namespace quern::sdk {

class Backoff {
 public:
  Backoff(Duration first, Duration max) : first_(first), max_(max), ceiling_(first) {}

  // Between half of the present ceiling and all of it; the ceiling then doubles.
  Duration next() {
    std::uniform_int_distribution<Duration::rep> jitter(ceiling_.count() / 2, ceiling_.count());
    const Duration delay{jitter(random())};
    ceiling_ = std::min(max_, ceiling_ * 2);
    return delay;
  }
  // The same, for a server that asks for a pause of `retry_after` (zero: it does not). Never
  // sooner, but up to half as long again: all that were refused at once were told the same time.
  Duration next(Duration retry_after) {
    const Duration ceiling = std::max(ceiling_, retry_after / 2);
    const Duration delay = next();
    if (retry_after <= Duration{0}) return delay;
    std::uniform_int_distribution<Duration::rep> jitter(0, ceiling.count());
    return retry_after + Duration{jitter(random())};
  }
  void reset() { ceiling_ = first_; }

 private:
  // Seeded at the first use, since every call to the server has a Backoff and few need it.
  static std::minstd_rand& random() {
    thread_local std::minstd_rand generator{std::random_device{}()};
    return generator;
  }

  Duration first_;
  Duration max_;
  Duration ceiling_;
};

}  // namespace quern::sdk
