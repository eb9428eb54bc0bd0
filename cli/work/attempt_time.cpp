#include "work/attempt_time.h"

#include <algorithm>

namespace quern::cli {
namespace {

// So long before the time-out the SDK's worker asks to stop, and after so long at most it has given
// a leased task to a handler or back.
constexpr std::chrono::milliseconds notice_max{1'000};
constexpr std::chrono::milliseconds queued_max{1'000};

}  // namespace

std::optional<AttemptTime::SteadyTime> AttemptTime::kill_at(
    std::optional<SteadyTime> asked_at) const {
  if (!timeout_) return std::nullopt;
  // One half for the program to end in, the other for the report.
  const Milliseconds notice = std::min(notice_max, *timeout_ / 4);
  const SteadyTime latest = began_at_ + *timeout_ - notice / 2;
  // We know when the attempt began only by when it came to us. Who asks so late asks because of the
  // time-out, and by when the lease was granted.
  const bool is_notice = asked_at && *asked_at >= began_at_ + *timeout_ - notice - queued_max;
  return is_notice ? std::min(latest, *asked_at + notice / 2) : latest;
}

}  // namespace quern::cli
