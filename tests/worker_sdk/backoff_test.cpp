#include "backoff.h"

#include <doctest/doctest.h>

#include <set>

using quern::Duration;
using quern::sdk::Backoff;
using namespace std::chrono_literals;

TEST_CASE("pauses double up to the longest, each between half of it and all of it") {
  Backoff backoff(100ms, 5s);
  for (const Duration ceiling : {100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 5000ms, 5000ms}) {
    CAPTURE(ceiling.count());
    const Duration pause = backoff.next();
    CHECK(pause >= ceiling / 2);
    CHECK(pause <= ceiling);
  }
  backoff.reset();
  CHECK(backoff.next() <= 100ms);
}

TEST_CASE("what the server asks for is waited for, and those who were told the same spread out") {
  std::set<Duration> pauses;
  for (int i = 0; i < 100; ++i) {
    const Duration pause = Backoff(100ms, 5s).next(2s);
    CHECK(pause >= 2s);
    CHECK(pause <= 3s);
    pauses.insert(pause);
  }
  CHECK(pauses.size() > 10);
}

TEST_CASE("a server that goes on asking for little gets growing pauses all the same") {
  Backoff backoff(100ms, 5s);
  for (int i = 0; i < 6; ++i) backoff.next(1ms);
  CHECK(backoff.next() >= 2500ms);
  CHECK(backoff.next(0s) >= 2500ms);
}
