#include "quern/circuit_breaker.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "quern/protocol/limits.h"

namespace quern {
namespace {

using std::chrono::steady_clock;

CircuitBreakerOptions checked(CircuitBreakerOptions options) {
  if (options.failure_threshold == 0) throw std::invalid_argument("failure_threshold is zero");
  if (options.recovery_time <= Duration{0}) {
    throw std::invalid_argument("recovery_time is not above zero");
  }
  // More would overflow the clock.
  options.recovery_time = std::min(options.recovery_time, limits::ten_years);
  if (!options.now) options.now = [] { return steady_clock::now(); };
  return options;
}

}  // namespace

CircuitBreaker::CircuitBreaker(CircuitBreakerOptions options)
    : options_(checked(std::move(options))) {}

CircuitState CircuitBreaker::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

CircuitBreaker::Pass CircuitBreaker::enter() {
  std::unique_lock lock(mutex_);
  if (state_ == CircuitState::closed) return {era_};
  Duration wait{0};
  bool half_opened = false;
  if (state_ == CircuitState::open) {
    const auto left = recovery_at_ - options_.now();
    // Rounded up: who comes back after that must not come too early.
    wait = std::chrono::ceil<Duration>(left);
    if (left <= left.zero()) {
      change(CircuitState::half_open);
      half_opened = true;
    }
  } else if (probing_) {
    // Nobody knows how long the probe takes; soon enough to go on when it succeeds.
    wait = std::max(options_.recovery_time / 10, Duration{1});
  }
  const bool may_pass = state_ == CircuitState::half_open && !probing_;
  if (may_pass) probing_ = true;
  const Pass pass{era_};
  lock.unlock();
  if (half_opened) tell(CircuitEvent::half_opened);
  if (may_pass) return pass;
  tell(CircuitEvent::refused);
  throw CircuitOpen(options_.name, wait);
}

void CircuitBreaker::succeeded(Pass pass) {
  bool closed = false;
  {
    const std::lock_guard lock(mutex_);
    if (pass.era == era_) {
      failures_ = 0;
      closed = state_ == CircuitState::half_open;
      if (closed) change(CircuitState::closed);
    }
  }
  tell(CircuitEvent::succeeded);
  if (closed) tell(CircuitEvent::closed);
}

void CircuitBreaker::threw(Pass pass, const std::exception_ptr& error) {
  const bool failure = counts(error);
  bool opened = false;
  {
    const std::lock_guard lock(mutex_);
    if (pass.era == era_) {
      if (!failure) {
        probing_ = false;  // no verdict: the next call is the probe
      } else if (state_ == CircuitState::half_open || ++failures_ >= options_.failure_threshold) {
        change(CircuitState::open);
        recovery_at_ = options_.now() + options_.recovery_time;
        opened = true;
      }
    }
  }
  tell(failure ? CircuitEvent::failed : CircuitEvent::ignored);
  if (opened) tell(CircuitEvent::opened);
}

bool CircuitBreaker::counts(const std::exception_ptr& error) const {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& exception) {
    if (options_.counts) {
      try {
        return options_.counts(exception);
      } catch (...) {
        return true;  // without a verdict a probe would never end
      }
    }
    return dynamic_cast<const Permanent*>(&exception) == nullptr &&
           dynamic_cast<const Retry*>(&exception) == nullptr &&
           dynamic_cast<const Release*>(&exception) == nullptr;
  } catch (...) {
    return true;
  }
}

void CircuitBreaker::change(CircuitState state) {
  state_ = state;
  ++era_;
  failures_ = 0;
  probing_ = false;
}

void CircuitBreaker::tell(CircuitEvent event) const {
  if (options_.on_event) options_.on_event(event);
}

}  // namespace quern
