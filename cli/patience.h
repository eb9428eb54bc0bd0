// How long a command that waits on purpose bears a server that is away, starting again, or full.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "quern/errors.h"

namespace quern::cli {

// A restart, an upgrade, a queue that drains. Then somebody should look.
inline constexpr Duration default_patience{300'000};

class Patience {
 public:
  using Clock = std::chrono::steady_clock;
  // Given what is wrong, once when it has lasted for three seconds, and nullopt when it is over.
  using Notice = std::function<void(const std::optional<std::string>& trouble)>;

  // `limit` counts from the first call that fails; `until` ends it sooner. The calls are of clients
  // that do not repeat by themselves (ClientOptions::retry_for zero).
  Patience(Duration limit, Clock::time_point until, Notice notice);

  // What `call()` returns, as soon as it succeeds. Throws ApiError when the time is over, or for
  // what will not pass.
  template <typename Call>
  auto ask(const Call& call) {
    for (;;) {
      try {
        begin();
        auto answer = call();
        answered();
        return answer;
      } catch (const ApiError& error) {
        if (!pause_after(error)) throw;
      }
    }
  }

  // The parts of it. Before every call.
  void begin();
  // After a call that failed: true, after a pause, when it should be made again; false when this
  // will not pass or the time is over.
  bool pause_after(const ApiError& error);
  // After a call that was answered.
  void answered();

 private:
  const Duration limit_;
  const Clock::time_point until_;
  const Notice notice_;
  Clock::time_point troubled_since_;  // or since the call that is under way
  bool troubled_ = false;
  bool told_ = false;
  Duration pause_;
};

// A line on standard error, or nothing when `silent`: with --json that is for errors alone.
Patience::Notice notice_on_stderr(bool silent, Duration limit);

}  // namespace quern::cli
