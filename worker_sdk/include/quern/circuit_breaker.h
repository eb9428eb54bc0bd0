// Stops calling what keeps failing, and tries again after a while.
//
//   quern::CircuitBreaker breaker{{.name = "llm", .failure_threshold = 5, .recovery_time = 30s}};
//   worker.handle("summarise", [&](quern::Context& context) {
//     return breaker.call([&] { return ask_llm(context.payload()); });
//   });
//
// Shape    closed     calls pass. `failure_threshold` failures in a row open the circuit.
//          open       calls are refused with CircuitOpen until `recovery_time` is over.
//          half_open  one call at a time passes, as a probe: its success closes the circuit, its
//                     failure opens it for another recovery time. The others are refused.
//          A call that began before the state last changed has no say in the new state.
// Threads  any. Share one breaker among all handlers that call the same service.
// Errors   CircuitOpen is a Release: a handler that lets it pass gives its task back until the
//          circuit may be tried again, and no attempt is lost.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <type_traits>

#include "quern/errors.h"

namespace quern {

enum class CircuitState : std::uint8_t { closed, open, half_open };

// What happened, for metrics. `ignored`: a call threw something that does not count.
enum class CircuitEvent : std::uint8_t {
  succeeded,
  failed,
  ignored,
  refused,
  opened,
  half_opened,
  closed
};

class CircuitOpen : public Release {
 public:
  CircuitOpen(const std::string& name, Duration after)
      : Release(after, "the circuit \"" + name + "\" is open") {}
};

struct CircuitBreakerOptions {
  std::string name = {};                // for messages
  std::uint32_t failure_threshold = 5;  // at least 1
  Duration recovery_time{30'000};       // more than zero
  // Whether an exception is a failure of the service. Default: everything but Permanent, Retry and
  // Release, which say that the service answered. One that does not count changes nothing.
  // If this throws, the exception counts.
  std::function<bool(const std::exception&)> counts = {};
  // Called after each event, by the thread that caused it and without a lock. Must not throw.
  std::function<void(CircuitEvent)> on_event = {};
  std::function<std::chrono::steady_clock::time_point()> now =
      {};  // for tests; default: steady_clock
};

class CircuitBreaker {
 public:
  // Throws std::invalid_argument for a threshold or recovery time of zero.
  explicit CircuitBreaker(CircuitBreakerOptions options);
  CircuitBreaker(const CircuitBreaker&) = delete;
  CircuitBreaker& operator=(const CircuitBreaker&) = delete;

  // Calls `function()` and passes on what it returns or throws, or throws CircuitOpen.
  template <typename Function>
  std::invoke_result_t<Function&> call(Function&& function) {
    const Pass pass = enter();
    try {
      if constexpr (std::is_void_v<std::invoke_result_t<Function&>>) {
        function();
        succeeded(pass);
      } else {
        std::invoke_result_t<Function&> result = function();
        succeeded(pass);
        return result;
      }
    } catch (...) {
      threw(pass, std::current_exception());
      throw;
    }
  }

  // `open` also when the recovery time is over and no call has come since.
  CircuitState state() const;

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  // Which era of the circuit a call began in. Every change of state begins another.
  struct Pass {
    std::uint64_t era;
  };

  Pass enter();
  void succeeded(Pass pass);
  void threw(Pass pass, const std::exception_ptr& error);
  bool counts(const std::exception_ptr& error) const;
  void change(CircuitState state);
  void tell(CircuitEvent event) const;

  const CircuitBreakerOptions options_;
  mutable std::mutex mutex_;
  CircuitState state_ = CircuitState::closed;
  std::uint64_t era_ = 0;
  std::uint32_t failures_ = 0;  // in a row, while closed
  bool probing_ = false;        // while half open: a probe is under way
  SteadyTime recovery_at_{};
};

}  // namespace quern
