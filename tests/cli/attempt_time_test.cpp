#include "work/attempt_time.h"

#include <doctest/doctest.h>

namespace quern::cli {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a program is killed before its attempt's time-out, with time left for the report") {
  struct Row {
    std::chrono::milliseconds timeout;
    std::optional<std::chrono::milliseconds> asked;  // after the attempt came to us
    std::chrono::milliseconds killed;
  };
  const AttemptTime::SteadyTime began{100s};
  for (const Row& row : {Row{10s, {}, 9'500ms},       // nobody asked: by our own reckoning
                         Row{10s, 9s, 9'500ms},       // a second before, as usual
                         Row{10s, 8'300ms, 8'800ms},  // the lease was granted before we saw it
                         Row{10s, 9'800ms, 9'500ms},  // late: it is not put off
                         Row{10s, 3s, 9'500ms},       // cancelled: --kill-after decides
                         Row{2s, 1'500ms, 1'750ms},   // the notice is a quarter of it
                         Row{1s, {}, 875ms}}) {
    CAPTURE(row.timeout.count());
    const AttemptTime time(row.timeout, began);
    const auto asked = row.asked ? std::optional(began + *row.asked) : std::nullopt;
    CHECK((time.kill_at(asked) == began + row.killed));
  }
}

TEST_CASE("without a time-out nothing but the stop itself kills a program") {
  CHECK_FALSE(AttemptTime().kill_at(std::nullopt));
  CHECK_FALSE(
      AttemptTime(std::nullopt, AttemptTime::SteadyTime{1s}).kill_at(AttemptTime::SteadyTime{2s}));
}

}  // namespace
}  // namespace quern::cli
