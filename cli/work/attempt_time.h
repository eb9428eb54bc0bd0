// How long the program of one attempt may take, so that its end is reported before the server ends
// the attempt, and no program overlaps the one of the next attempt.
#pragma once

#include <chrono>
#include <optional>

namespace quern::cli {

class AttemptTime {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;
  using Milliseconds = std::chrono::milliseconds;

  // As long as the lease is kept.
  AttemptTime() = default;
  // `timeout` is the task's own, nullopt: none; `began_at` when we were given it to run.
  AttemptTime(std::optional<Milliseconds> timeout, SteadyTime began_at)
      : timeout_(timeout), began_at_(began_at) {}

  // When the program has to be killed at the latest; nullopt: no such time. `asked_at` is when the
  // SDK's worker asked to stop, if it has.
  std::optional<SteadyTime> kill_at(std::optional<SteadyTime> asked_at) const;

 private:
  std::optional<Milliseconds> timeout_;
  SteadyTime began_at_ = {};
};

}  // namespace quern::cli
