// Which edge of a task's life counts as what.

#include "engine/tally.h"

#include "harness.h"

namespace quern::engine::testing {
namespace {

// What changed, in words: "completed run".
std::string counted(const Move& move) {
  QueueTally tally;
  count(tally, move);
  std::string text;
  const auto say = [&](const char* name, std::uint64_t value) {
    REQUIRE(value <= 1);
    if (value == 1) text += (text.empty() ? "" : " ") + std::string(name);
  };
  say("leased", tally.leased);
  say("extended", tally.extended);
  say("completed", tally.completed);
  say("failed", tally.failed);
  say("retried", tally.retried);
  say("released", tally.released);
  say("revoked", tally.revoked);
  say("cancelled", tally.cancelled);
  say("redriven", tally.redriven);
  for (std::size_t i = 0; i < tally.dead.size(); ++i) {
    say(("dead:" + std::string(to_string(static_cast<DeadReason>(i)))).c_str(), tally.dead[i]);
  }
  for (const std::uint64_t n : tally.wait.counts) say("wait", n);
  for (const std::uint64_t n : tally.run.counts) say("run", n);
  return text;
}

TEST_CASE("every edge is counted as what it is, and an attempt ends in one way") {
  using enum TaskState;
  struct Row {
    Move move;
    const char* expected;
  };
  for (const Row& row : {
           Row{{ready, running}, "leased wait"},
           Row{{running, running}, "extended"},
           Row{{running, succeeded}, "completed run"},
           Row{{running, retrying}, "failed retried run"},
           Row{{running, dead, DeadReason::max_attempts}, "failed dead:max_attempts run"},
           Row{{running, dead, DeadReason::not_retryable}, "failed dead:not_retryable run"},
           Row{{running, ready}, "released"},
           Row{{running, scheduled}, "released"},
           Row{{running, cancelled}, "revoked cancelled"},
           Row{{ready, cancelled}, "cancelled"},
           Row{{scheduled, cancelled}, "cancelled"},
           Row{{retrying, cancelled}, "cancelled"},
           Row{{scheduled, ready}, ""},
           Row{{retrying, ready}, ""},
           Row{{ready, dead, DeadReason::expired}, "dead:expired"},
           Row{{scheduled, dead, DeadReason::expired}, "dead:expired"},
           Row{{retrying, dead, DeadReason::max_attempts}, "dead:max_attempts"},
           Row{{dead, ready}, "redriven"},
           Row{{dead, scheduled}, "redriven"},
           // Kept for its key: nothing happened to it.
           Row{{succeeded, succeeded}, ""},
           Row{{dead, dead, DeadReason::expired}, ""},
           Row{{cancelled, cancelled}, ""},
       }) {
    CAPTURE(row.move.from);
    CAPTURE(row.move.to);
    CHECK(counted(row.move) == row.expected);
  }
}

TEST_CASE("a time falls into the first range that it does not exceed") {
  struct Row {
    Steady took;
    std::size_t range;
  };
  for (const Row& row : {Row{0us, 0}, Row{1ms, 0}, Row{1'001us, 1}, Row{14'400s, 14},
                         Row{14'400s + 1us, 15}, Row{24h, 15}, Row{-5s, 0}}) {
    CAPTURE(row.took.count());
    QueueTally tally;
    count(tally, {.from = TaskState::ready, .to = TaskState::running, .took = row.took});
    CHECK(tally.wait.counts[row.range] == 1);
    CHECK(tally.wait.sum == static_cast<std::uint64_t>(std::max(row.took, Steady{0}).count()));
  }
}

}  // namespace
}  // namespace quern::engine::testing
