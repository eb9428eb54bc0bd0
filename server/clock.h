// What time it is, for the engine's thread.
//
// Shape    wall time follows the system's clock but never goes back: when that was set back, ours
//          goes on at nine tenths of its pace until the two meet. Steady time is the system's
//          monotonic clock.
// Threads  one at a time.
#pragma once

#include <chrono>
#include <cstdint>

#include "engine/now.h"

namespace quern::server {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual engine::Now now() = 0;
};

class HybridClock final : public Clock {
 public:
  engine::Now now() override;

  // now(), given what the system's clocks say: for tests.
  engine::Now at(std::chrono::microseconds system, std::chrono::microseconds steady);

 private:
  // In microseconds, so that slowing down loses nothing to rounding.
  std::chrono::microseconds wall_{0};
  std::chrono::microseconds steady_{0};
};

}  // namespace quern::server
