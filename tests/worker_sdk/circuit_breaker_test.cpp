#include "quern/circuit_breaker.h"

#include <doctest/doctest.h>

#include <stdexcept>
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
