#include "quern/protocol/task_state.h"

#include <doctest/doctest.h>

namespace quern {
namespace {

TEST_CASE("a task state is stored by its number and spelled by its name") {
  struct Row {
    TaskState state;
    int number;
    const char* name;
    bool terminal;
  };
  for (const Row& row :
       {Row{TaskState::blocked, 0, "blocked", false},
        Row{TaskState::scheduled, 1, "scheduled", false}, Row{TaskState::ready, 2, "ready", false},
        Row{TaskState::running, 3, "running", false},
        Row{TaskState::retrying, 4, "retrying", false}, Row{TaskState::dead, 5, "dead", true},
        Row{TaskState::succeeded, 6, "succeeded", true},
        Row{TaskState::cancelled, 7, "cancelled", true}}) {
    CAPTURE(row.name);
    CHECK(static_cast<int>(row.state) == row.number);
    CHECK(to_string(row.state) == row.name);
    CHECK(task_state_from(row.name) == row.state);
    CHECK(is_terminal(row.state) == row.terminal);
  }
  CHECK_FALSE(task_state_from("").has_value());
  CHECK_FALSE(task_state_from("Ready").has_value());
}

TEST_CASE("a dead reason is stored by its number and spelled by its name") {
  struct Row {
    DeadReason reason;
    int number;
    const char* name;
  };
  for (const Row& row : {Row{DeadReason::max_attempts, 1, "max_attempts"},
                         Row{DeadReason::not_retryable, 2, "not_retryable"},
                         Row{DeadReason::expired, 3, "expired"}}) {
    CAPTURE(row.name);
    CHECK(static_cast<int>(row.reason) == row.number);
    CHECK(to_string(row.reason) == row.name);
    CHECK(dead_reason_from(row.name) == row.reason);
  }
}

TEST_CASE("no text means: not dead") {
  CHECK(to_string(DeadReason::none) == "");
  CHECK_FALSE(dead_reason_from("").has_value());
  CHECK_FALSE(dead_reason_from("none").has_value());
}

}  // namespace
}  // namespace quern
