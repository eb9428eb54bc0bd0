// Settle: what the holder of a lease says about its task. Late acknowledgement and fencing: only
// the token that holds the task now changes it; a token that ended it may repeat itself.

#include "engine/commands.h"
#include "engine/transitions.h"

namespace quern::engine {

namespace {

Error lease_lost(const TaskId& id) {
  return Error{
      .code = ErrorCode::lease_lost,
      .detail =
          "this token does not hold task " + id.text() +
          " (the lease ran out, the task was cancelled, or another worker has it): drop the work"};
}

Error finished_otherwise(const Task& task) {
  return Error{.code = ErrorCode::task_finished,
               .detail = "this token has ended task " + task.id.text() + " already, which is " +
                         std::string(to_string(task.state())) + "; another outcome cannot be set"};
}

// Whether `item` says again what ended the task's last attempt.
bool repeats(Core& core, const Task& task, const SettleItem& item) {
  const record::Settled& settled = task.status.settled();
  if (item.verb == SettleVerb::complete) {
    if (settled.verb() != record::Settled::COMPLETE) return false;
    return core.view(task, Detail::whole).result() == item.result;
  }
  if (item.verb != SettleVerb::fail || settled.verb() != record::Settled::FAIL) return false;
  const TaskView view = core.view(task, Detail::head);
  const bool same_wait = settled.has_retry_after_ms() == item.retry_after.has_value() &&
                         settled.retry_after_ms() == item.retry_after.value_or(Duration{0}).count();
  if (view.failures.empty() || settled.retryable() != item.retryable || !same_wait) return false;
  const record::FailureRecord& failure = view.failures.back();
  return failure.type() == item.error_type && failure.message() == item.error_message &&
         failure.details() == item.error_details;
}

// Does what `item` says, or tells why not. The task as it stands afterwards.
Result<Task> apply(Core& core, SettleItem& item, const Scope& scope) {
  std::optional<Task> task = item.id ? find_in_scope(core, *item.id, scope) : std::nullopt;
  if (!task) return no_such_task(item.id_text);

  const bool holds = task->state() == TaskState::running && !item.token.empty() &&
                     task->status.lease().token() == item.token;
  if (!holds) {
    const bool ended_it = task->status.has_settled() && !item.token.empty() &&
                          task->status.settled().token() == item.token;
    if (!ended_it) return lease_lost(task->id);
    if (repeats(core, *task, item)) return std::move(*task);
    return is_terminal(task->state()) ? finished_otherwise(*task) : lease_lost(task->id);
  }

  switch (item.verb) {
    case SettleVerb::complete:
      succeed(core, *task, std::move(item.result));
      break;
    case SettleVerb::fail: {
      record::Settled settled;
      settled.set_token(item.token);
      settled.set_verb(record::Settled::FAIL);
      settled.set_retryable(item.retryable);
      if (item.retry_after) settled.set_retry_after_ms(item.retry_after->count());
      fail(core, *task,
           {std::move(item.error_type), std::move(item.error_message),
            std::move(item.error_details)},
           item.retryable, item.retry_after, std::move(settled));
      break;
    }
    case SettleVerb::heartbeat:
      extend(core, *task, item.lease, std::move(item.progress));
      break;
    case SettleVerb::release:
      give_back(core, *task, item.delay);
      break;
  }
  return std::move(*task);
}

}  // namespace

void settle_one(Core& core, Ticket ticket, SettleOne&& command) {
  const SettleVerb verb = command.item.verb;
  Result<Task> task = apply(core, command.item, command.scope);
  if (!task) {
    core.count_refused_settle(task.error().code);
    return core.reply(ticket, std::move(task).error());
  }
  if (verb == SettleVerb::heartbeat) {
    return core.reply(ticket, LeaseExtended{Timestamp{task->status.lease().expires_at()}});
  }
  core.reply(ticket, OneTask{core.view(*std::move(task), Detail::whole)});
}

std::vector<Settled> settle_all(Core& core, std::vector<SettleItem>&& items, const Scope& scope) {
  std::vector<Settled> settled;
  settled.reserve(items.size());
  for (SettleItem& item : items) {
    const SettleVerb verb = item.verb;
    Result<Task> task = apply(core, item, scope);
    if (!task) core.count_refused_settle(task.error().code);
    if (task) {
      settled.push_back(
          {verb, std::move(item.id_text), core.view(*std::move(task), Detail::brief)});
    } else {
      settled.push_back({verb, std::move(item.id_text), std::move(task).error()});
    }
  }
  return settled;
}

}  // namespace quern::engine
