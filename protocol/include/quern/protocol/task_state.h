// The states of a task and the reasons it can be dead, spelled as on the wire.
//
// Shape    values reach disk: never renumber.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace quern {

enum class TaskState : std::uint8_t {
  blocked = 0,    // waits for other tasks; unused until those exist
  scheduled = 1,  // waits for its run_at
  ready = 2,      // can be leased now
  running = 3,    // a worker holds the lease
  retrying = 4,   // an attempt failed; waits for its backoff
  dead = 5,       // in its queue's dead-letter queue
  succeeded = 6,
  cancelled = 7,
};

inline constexpr std::size_t task_state_count = 8;
// In the order in which counts are shown.
inline constexpr std::array<TaskState, task_state_count> task_states = {
    TaskState::blocked,  TaskState::scheduled, TaskState::ready,     TaskState::running,
    TaskState::retrying, TaskState::dead,      TaskState::succeeded, TaskState::cancelled};

constexpr bool is_terminal(TaskState state) {
  return state == TaskState::dead || state == TaskState::succeeded || state == TaskState::cancelled;
}

enum class DeadReason : std::uint8_t { none = 0, max_attempts = 1, not_retryable = 2, expired = 3 };

std::string_view to_string(TaskState state);
std::optional<TaskState> task_state_from(std::string_view text);
std::string_view to_string(DeadReason reason);  // "" for none
std::optional<DeadReason> dead_reason_from(std::string_view text);

}  // namespace quern
