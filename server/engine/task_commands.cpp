// Commands on one task by its id: wait, cancel, redrive.

#include "engine/commands.h"
#include "engine/transitions.h"

namespace quern::engine {

Error no_such_task(std::string_view id) {
  return Error{.code = ErrorCode::task_not_found,
               .detail = "there is no task " + std::string(id) +
                         ": it never was, or its retention is over, or it was purged or discarded"};
}

std::optional<Task> find_in_scope(Core& core, const TaskId& id, const Scope& scope) {
  std::optional<Task> task = core.find(id);
  if (task && !covers(scope, *core.queue_of(*task).name())) return std::nullopt;
  return task;
}

void wait_task(Core& core, Ticket ticket, const WaitTask& command) {
  const std::optional<Task> task = find_in_scope(core, command.id, command.scope);
  if (!task || is_terminal(task->state()) || core.stopping) return core.reply(ticket, Done{});
  core.waiters.park(ticket, command.id, core.now.steady + command.wait);
}

void cancel_task(Core& core, Ticket ticket, const CancelTask& command) {
  std::optional<Task> task = find_in_scope(core, command.id, command.scope);
  if (!task) return core.reply(ticket, no_such_task(command.id.text()));
  if (is_terminal(task->state())) {
    return core.reply(ticket, Error{.code = ErrorCode::task_finished,
                                    .detail = "task " + task->id.text() + " is " +
                                              std::string(to_string(task->state())) +
                                              " already and cannot be cancelled"});
  }
  cancel(core, *task);
  core.reply(ticket, OneTask{core.view(*std::move(task), Detail::whole)});
}

void redrive_task(Core& core, Ticket ticket, const RedriveTask& command) {
  std::optional<Task> task = find_in_scope(core, command.id, command.scope);
  if (!task) return core.reply(ticket, no_such_task(command.id.text()));
  if (task->state() != TaskState::dead) {
    return core.reply(ticket, Error{.code = ErrorCode::not_dead,
                                    .detail = "task " + task->id.text() + " is " +
                                              std::string(to_string(task->state())) +
                                              "; only dead tasks are redriven"});
  }
  redrive(core, *task, nullptr, std::nullopt);
  core.reply(ticket, OneTask{core.view(*std::move(task), Detail::whole)});
}

}  // namespace quern::engine
