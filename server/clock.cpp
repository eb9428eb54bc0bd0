#include "clock.h"

namespace quern::server {

engine::Now HybridClock::now() {
  using std::chrono::duration_cast;
  using std::chrono::microseconds;
  return at(duration_cast<microseconds>(std::chrono::system_clock::now().time_since_epoch()),
            duration_cast<microseconds>(std::chrono::steady_clock::now().time_since_epoch()));
}

engine::Now HybridClock::at(std::chrono::microseconds system, std::chrono::microseconds steady) {
  const std::chrono::microseconds elapsed = steady - steady_;
  steady_ = steady;
  wall_ = system >= wall_ ? system : wall_ + elapsed * 9 / 10;
  return {.wall = Timestamp{std::chrono::duration_cast<Duration>(wall_).count()},
          .steady = steady_};
}

}  // namespace quern::server
