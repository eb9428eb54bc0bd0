#include "clock.h"

#include <doctest/doctest.h>

using namespace quern;
using namespace quern::server;
using namespace std::literals;

TEST_CASE("wall time follows the system's, forward at once") {
  HybridClock clock;
  CHECK(clock.at(1'000ms, 10ms).wall.ms == 1'000);
  CHECK(clock.at(1'005ms, 15ms).wall.ms == 1'005);
  CHECK(clock.at(9'999'000ms, 16ms).wall.ms == 9'999'000);
  CHECK(clock.at(9'999'000ms, 16ms).steady == 16ms);
}

TEST_CASE("when the system's clock is set back, ours slows down until they meet") {
  HybridClock clock;
  CHECK(clock.at(100'000ms, 0ms).wall.ms == 100'000);
  CHECK(clock.at(90'000ms, 0ms).wall.ms == 100'000);
  CHECK(clock.at(91'000ms, 1'000ms).wall.ms == 100'900);
  CHECK(clock.at(100'000ms, 10'000ms).wall.ms == 109'000);
  CHECK(clock.at(110'000ms, 20'000ms).wall.ms == 110'000);
}

TEST_CASE("slowing down loses nothing to rounding") {
  HybridClock clock;
  clock.at(100'000ms, 0ms);
  for (int us = 1; us <= 10'000; ++us) {
    clock.at(50'000ms, std::chrono::microseconds(us * 10));
  }
  CHECK(clock.at(50'000ms, 100ms).wall.ms == 100'090);
}

TEST_CASE("neither time ever goes back") {
  HybridClock clock;
  engine::Now last = clock.now();
  for (int i = 0; i < 1'000; ++i) {
    const engine::Now now = clock.now();
    CHECK(now.wall >= last.wall);
    CHECK(now.steady >= last.steady);
    last = now;
  }
}
