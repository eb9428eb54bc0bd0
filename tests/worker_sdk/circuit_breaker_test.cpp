#include "quern/circuit_breaker.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <latch>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace quern;
using namespace std::chrono_literals;

namespace {

// A breaker whose clock stands still until it is moved: two failures open it for ten seconds.
struct Circuit {
  std::chrono::steady_clock::time_point now{};
  std::vector<CircuitEvent> events;
  CircuitBreaker breaker{{.name = "llm",
                          .failure_threshold = 2,
                          .recovery_time = 10s,
                          .on_event = [this](CircuitEvent event) { events.push_back(event); },
                          .now = [this] { return now; }}};

  void fail() {
    CHECK_THROWS_AS(breaker.call([] { throw std::runtime_error("down"); }), std::runtime_error);
  }
  // How long the caller is told to wait.
  Duration refusal() {
    try {
      breaker.call([] { FAIL("the call was let through"); });
    } catch (const CircuitOpen& open) {
      return open.after();
    }
    return Duration{-1};
  }
};

// Calls `function()` in many threads at once, and waits for all.
template <typename Function>
void in_threads(int count, const Function& function) {
  std::latch all_ready(count);
  std::vector<std::jthread> threads;
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&] {
      all_ready.arrive_and_wait();
      function();
    });
  }
}

}  // namespace

TEST_CASE("failures in a row open the circuit, and a success between them starts the count anew") {
  Circuit circuit;
  circuit.fail();
  CHECK(circuit.breaker.call([] { return 7; }) == 7);
  circuit.fail();
  CHECK(circuit.breaker.state() == CircuitState::closed);
  circuit.fail();
  CHECK(circuit.breaker.state() == CircuitState::open);
  circuit.now += 4s;
  CHECK(circuit.refusal() == 6s);
}

TEST_CASE(
    "after the recovery time one probe passes at a time, and its success closes the circuit") {
  Circuit circuit;
  circuit.fail();
  circuit.fail();
  circuit.now += 10s;
  circuit.breaker.call([&] {
    CHECK(circuit.breaker.state() == CircuitState::half_open);
    CHECK(circuit.refusal() == 1s);  // beside the probe
  });
  CHECK(circuit.breaker.state() == CircuitState::closed);
  using enum CircuitEvent;
  CHECK(circuit.events ==
        std::vector{failed, failed, opened, half_opened, refused, succeeded, closed});
}

TEST_CASE("a probe that fails opens the circuit for another recovery time") {
  Circuit circuit;
  circuit.fail();
  circuit.fail();
  circuit.now += 10s;
  circuit.fail();
  CHECK(circuit.refusal() == 10s);
}

TEST_CASE("what does not count as a failure neither opens the circuit nor ends its probing") {
  Circuit circuit;
  const auto rate_limit = [&] {
    CHECK_THROWS_AS(circuit.breaker.call([] { throw Retry(1s); }), Retry);
  };
  for (int i = 0; i < 5; ++i) rate_limit();
  CHECK(circuit.breaker.state() == CircuitState::closed);
  circuit.fail();
  circuit.fail();
  circuit.now += 10s;
  rate_limit();
  CHECK(circuit.breaker.state() == CircuitState::half_open);
  circuit.breaker.call([] {});
  CHECK(circuit.breaker.state() == CircuitState::closed);
}

TEST_CASE("a call from before the circuit opened has no say in it afterwards") {
  Circuit circuit;
  circuit.breaker.call([&] {
    circuit.fail();
    circuit.fail();
  });
  CHECK(circuit.breaker.state() == CircuitState::open);
}

TEST_CASE("a recovery time without end is not over at once") {
  CircuitBreaker breaker({.failure_threshold = 1, .recovery_time = Duration::max()});
  CHECK_THROWS_AS(breaker.call([] { throw std::runtime_error("down"); }), std::runtime_error);
  CHECK_THROWS_AS(breaker.call([] {}), CircuitOpen);
}

TEST_CASE("a verdict that throws counts as a failure, and leaves no probe under way for ever") {
  std::chrono::steady_clock::time_point now{};
  CircuitBreaker breaker({.failure_threshold = 1,
                          .recovery_time = 10s,
                          .counts = [](const std::exception&) -> bool { throw 42; },
                          .now = [&] { return now; }});
  for (int round = 0; round < 3; ++round) {  // the first while closed, the others as probes
    CHECK_THROWS_AS(breaker.call([] { throw std::runtime_error("down"); }), std::runtime_error);
    CHECK(breaker.state() == CircuitState::open);
    now += 10s;
  }
}

TEST_CASE("a breaker without threshold or recovery time is refused") {
  CHECK_THROWS_AS(CircuitBreaker({.failure_threshold = 0}), std::invalid_argument);
  CHECK_THROWS_AS(CircuitBreaker({.recovery_time = 0s}), std::invalid_argument);
}

TEST_CASE("of many threads that come when the recovery time is over, one passes") {
  constexpr int thread_count = 8;
  std::atomic<std::chrono::steady_clock::time_point> now{};
  CircuitBreaker breaker(
      {.failure_threshold = 1, .recovery_time = 10s, .now = [&] {
         std::this_thread::yield();  // lets the others come in between, if they can
         return now.load();
       }});
  CHECK_THROWS_AS(breaker.call([] { throw std::runtime_error("down"); }), std::runtime_error);
  int probes_at_once_max = 0;
  for (int round = 0; round < 200; ++round) {
    now = now.load() + 10s;
    std::atomic<int> probes = 0;
    std::atomic<int> came = 0;  // probes and refused
    const auto arrive = [&] {
      ++came;
      came.notify_all();
    };
    in_threads(thread_count, [&] {
      try {
        breaker.call([&] {
          ++probes;
          arrive();
          // The probe is under way for as long as anyone can come beside it.
          for (int seen = came; seen < thread_count; seen = came) came.wait(seen);
          throw std::runtime_error("still down");
        });
      } catch (const CircuitOpen&) {
        arrive();
      } catch (const std::runtime_error&) {
      }
    });
    probes_at_once_max = std::max(probes_at_once_max, probes.load());
    REQUIRE(probes >= 1);
    REQUIRE(breaker.state() == CircuitState::open);
  }
  CHECK(probes_at_once_max == 1);
}

TEST_CASE("failures in many threads are all counted, and open the circuit once") {
  constexpr int thread_count = 8;
  constexpr int failures_each = 5000;
  std::atomic<int> opened = 0;
  CircuitBreaker breaker(
      {.failure_threshold = thread_count * failures_each + 1, .on_event = [&](CircuitEvent event) {
         if (event == CircuitEvent::opened) ++opened;
       }});
  const auto fail = [&] {
    try {
      breaker.call([] { throw std::runtime_error("down"); });
    } catch (const std::runtime_error&) {
    }
  };
  in_threads(thread_count, [&] {
    for (int i = 0; i < failures_each; ++i) fail();
  });
  CHECK(breaker.state() == CircuitState::closed);
  fail();
  CHECK(breaker.state() == CircuitState::open);
  CHECK(opened == 1);
}
