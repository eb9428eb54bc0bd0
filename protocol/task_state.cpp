#include "quern/protocol/task_state.h"

namespace quern {

std::string_view to_string(TaskState state) {
  switch (state) {
    case TaskState::blocked:
      return "blocked";
    case TaskState::scheduled:
      return "scheduled";
    case TaskState::ready:
      return "ready";
    case TaskState::running:
      return "running";
    case TaskState::retrying:
      return "retrying";
    case TaskState::dead:
      return "dead";
    case TaskState::succeeded:
      return "succeeded";
    case TaskState::cancelled:
      return "cancelled";
  }
  return "";
}

std::optional<TaskState> task_state_from(std::string_view text) {
  for (const TaskState state : task_states) {
    if (text == to_string(state)) return state;
  }
  return std::nullopt;
}

std::string_view to_string(DeadReason reason) {
  switch (reason) {
    case DeadReason::none:
      return "";
    case DeadReason::max_attempts:
      return "max_attempts";
    case DeadReason::not_retryable:
      return "not_retryable";
    case DeadReason::expired:
      return "expired";
  }
  return "";
}

std::optional<DeadReason> dead_reason_from(std::string_view text) {
  // Not `none`: nothing on the wire spells it.
  for (const DeadReason reason :
       {DeadReason::max_attempts, DeadReason::not_retryable, DeadReason::expired}) {
    if (text == to_string(reason)) return reason;
  }
  return std::nullopt;
}

}  // namespace quern
