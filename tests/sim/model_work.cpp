// The model of working: leases, settling, and who is served while parked.

#include <algorithm>

#include "model.h"
#include "violation.h"

namespace quern::sim {

using engine::Detail;
using engine::SettleVerb;
using engine::Ticket;

// --- settling ------------------------------------------------------------------------------------

bool Model::said_before(const Task& task, const engine::SettleItem& item) {
  if (task.ended_how != item.verb) return false;
  if (item.verb == SettleVerb::complete) return task.result == item.result;
  const Failure& last = task.failures.back();
  return task.ended_retryable == item.retryable && task.ended_retry_after == item.retry_after &&
         last.type == item.error_type && last.message == item.error_message &&
         last.details == item.error_details;
}

Model::Verdict Model::settle(const engine::SettleItem& item,
                             std::optional<std::int64_t> shown_run_at) {
  Verdict verdict{.id_text = item.id_text, .verb = item.verb};
  const Task* known = item.id ? state_.find(*item.id) : nullptr;
  if (known == nullptr) {
    verdict.refused = ErrorCode::task_not_found;
    return verdict;
  }
  const bool holds = known->state == TaskState::running && known->token == item.token;
  const bool ended_it = !known->ended_by.empty() && known->ended_by == item.token;
  if (!holds && ended_it && said_before(*known, item)) {
    edges_.saw(known->from(), Event::said_again);
  } else if (!holds) {
    edges_.saw(known->from(), Event::token_refused);
    const bool over = ended_it && is_terminal(known->state);
    verdict.refused = over ? ErrorCode::task_finished : ErrorCode::lease_lost;
    return verdict;
  } else {
    Task& task = change(known->id);
    switch (item.verb) {
      case SettleVerb::complete:
        edges_.saw(From::running, Event::completed);
        task.result = item.result;
        task.ended_by = item.token;
        task.ended_how = item.verb;
        finish(task, TaskState::succeeded);
        break;
      case SettleVerb::fail:
        task.ended_by = item.token;
        task.ended_how = item.verb;
        task.ended_retryable = item.retryable;
        task.ended_retry_after = item.retry_after;
        fail(task,
             {task.attempts, now_.wall.ms, task.worker, item.error_type, item.error_message,
              item.error_details},
             item.retryable, item.retry_after, shown_run_at);
        edges_.saw(From::running,
                   task.state == TaskState::dead ? Event::failed_for_good : Event::failed_to_retry);
        break;
      case SettleVerb::heartbeat: {
        edges_.saw(From::running, Event::extended);
        if (item.lease) task.lease_ms = item.lease->count();
        set_lease_end(task, std::chrono::duration_cast<Duration>(now_.steady - task.began));
        if (item.progress) task.progress = *item.progress;
        break;
      }
      case SettleVerb::release:
        edges_.saw(From::running,
                   item.delay > Duration{0} ? Event::released_later : Event::released);
        --task.attempts;
        task.state = TaskState::ready;
        if (item.delay > Duration{0}) {
          task.state = TaskState::scheduled;
          task.run_at = task.ready_since = (now_.wall + item.delay).ms;
        }
        break;
    }
  }
  verdict.task = *state_.find(*item.id);
  verdict.queue = state_.queues.at(verdict.task.queue).name;
  verdict.max_attempts = state_.max_attempts(verdict.task);
  return verdict;
}

void Model::apply(Ticket ticket, const engine::SettleOne& command) {
  const engine::Outcome* outcome = answer(ticket);
  const auto* one = outcome ? std::get_if<engine::OneTask>(outcome) : nullptr;
  const Verdict verdict =
      settle(command.item, one ? std::optional(one->task.status.run_at()) : std::nullopt);
  if (verdict.refused) return expect_refusal(ticket, *verdict.refused, "a settle call");
  if (command.item.verb == SettleVerb::heartbeat) {
    const auto& extended = expect<engine::LeaseExtended>(ticket, "a heartbeat");
    demand(extended.expires_at.ms == verdict.task.lease_ends, "a heartbeat's new end is wrong");
    return;
  }
  check_task(expect<engine::OneTask>(ticket, "a settle call").task, Detail::whole);
}

std::vector<Model::Verdict> Model::settle_all(const std::vector<engine::SettleItem>& items,
                                              const std::vector<engine::Settled>* answers) {
  std::vector<Verdict> verdicts;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const engine::TaskView* view = nullptr;
    if (answers != nullptr && i < answers->size()) {
      view = std::get_if<engine::TaskView>(&(*answers)[i].outcome);
    } else if (items[i].id && state_.find(*items[i].id) != nullptr) {
      // Not answered yet: what the store will hold says as much.
      const std::optional<engine::TaskView>& after = after_->task(*items[i].id);
      if (after) view = &*after;
    }
    verdicts.push_back(
        settle(items[i], view ? std::optional(view->status.run_at()) : std::nullopt));
    verdicts.back().run_at_open = view == nullptr && items[i].verb == SettleVerb::fail &&
                                  verdicts.back().task.state == TaskState::retrying;
  }
  return verdicts;
}

void Model::check_settled(const std::vector<Verdict>& verdicts,
                          const std::vector<engine::Settled>& answers) {
  demand(verdicts.size() == answers.size(), "a list of settle calls is answered in part");
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    const Verdict& expected = verdicts[i];
    demand(expected.verb == answers[i].verb && expected.id_text == answers[i].id_text,
           "settle calls are answered in another order");
    const Error* refusal = std::get_if<Error>(&answers[i].outcome);
    if (expected.refused) {
      if (refusal == nullptr || refusal->code != *expected.refused) {
        violate("an item of a settle list must be refused with " +
                std::string(to_string(*expected.refused)) + ", is " +
                (refusal ? std::string(to_string(refusal->code)) : "done"));
      }
      continue;
    }
    if (refusal != nullptr) violate("an item of a settle list is refused: " + refusal->detail);
    const auto& view = std::get<engine::TaskView>(answers[i].outcome);
    Task task = expected.task;
    if (expected.run_at_open) {
      demand(view.status.run_at() <= task.run_at, "a retry waits longer than its policy says");
      task.run_at = view.status.run_at();
    }
    compare(task, expected.queue, expected.max_attempts, view, Detail::brief);
  }
}

void Model::apply(Ticket ticket, const engine::Settle& command) {
  const auto& answer = expect<engine::SettledMany>(ticket, "a list of settle calls");
  check_settled(settle_all(command.items, &answer.items), answer.items);
}

void Model::apply(Ticket, const engine::Undelivered& command) {
  for (const engine::Undelivered::Held& held : command.leases) {
    const Task* known = state_.find(held.id);
    if (known == nullptr || known->state != TaskState::running || known->token != held.token) {
      continue;
    }
    edges_.saw(From::running, Event::taken_back);
    Task& task = change(held.id);
    --task.attempts;
    if (task.first_start) task.started_at = 0;
    task.state = TaskState::ready;
  }
}

void Model::apply(Ticket, const engine::Abandon& command) { parked_.erase(command.ticket); }

// --- leasing -------------------------------------------------------------------------------------

// The ready tasks of the named queues in the order in which they must be leased.
std::vector<TaskId> Model::candidates(const std::vector<std::string>& queues) const {
  std::vector<const Task*> ready;
  for (const auto& [id, task] : state_.tasks) {
    if (task->state != TaskState::ready) continue;
    const Queue& queue = state_.queues.at(task->queue);
    const bool named = std::find(queues.begin(), queues.end(), queue.name) != queues.end();
    if (named && !queue.deleting && !queue.settings.paused) ready.push_back(task.get());
  }
  std::sort(ready.begin(), ready.end(), [](const Task* a, const Task* b) {
    if (a->asked->priority() != b->asked->priority()) {
      return a->asked->priority() > b->asked->priority();
    }
    return std::pair(a->ready_since, a->id) < std::pair(b->ready_since, b->id);
  });
  std::vector<TaskId> ids;
  ids.reserve(ready.size());
  for (const Task* task : ready) ids.push_back(task->id);
  return ids;
}

bool Model::must_die_instead(const Task& task) const {
  const bool too_late = task.may_expire() && task.expires_at <= now_.wall.ms;
  return too_late || task.attempts >= state_.max_attempts(task);
}

void Model::bury(Task& task) {
  const bool too_late = task.may_expire() && task.expires_at <= now_.wall.ms;
  edges_.saw(task.from(), too_late ? Event::expired : Event::gave_up);
  die(task, too_late ? DeadReason::expired : DeadReason::max_attempts);
}

bool Model::anything_for(const engine::Lease& command) const {
  if (command.tasks_max == 0) return false;
  const std::vector<TaskId> ids = candidates(command.queues);
  return std::any_of(ids.begin(), ids.end(),
                     [this](const TaskId& id) { return !must_die_instead(*state_.find(id)); });
}

// Whether `given` is what the call must be given now, or the beginning of it.
bool Model::are_next(const engine::Lease& command,
                     const std::vector<engine::TaskView>& given) const {
  std::size_t next = 0;
  for (const TaskId& id : candidates(command.queues)) {
    if (next == given.size()) return true;
    if (must_die_instead(*state_.find(id))) continue;
    if (given[next++].id != id) return false;
  }
  return next == given.size();
}

// `given` must be the first of the candidates that may start, as many as were asked for.
void Model::lease(const engine::Lease& command, const std::vector<engine::TaskView>& given) {
  std::size_t next = 0;
  if (command.tasks_max == 0) return demand(given.empty(), "a lease of nothing gives something");
  for (const TaskId& id : candidates(command.queues)) {
    if (next == command.tasks_max) break;
    const Task& task = *state_.find(id);
    if (must_die_instead(task)) {
      // With a bound on how many are looked at, it may be left for the next tick.
      if (!rules_.bounded || differs_after(task) || next < given.size()) bury(change(id));
      continue;
    }
    if (next == given.size()) {
      if (rules_.bounded) break;
      violate("task " + id.text() + " is ready and is not given to who asks for it");
    }
    if (given[next].id != id) {
      violate("task " + given[next].id.text() + " is leased before task " + id.text());
    }
    start(change(id), command, given[next]);
    check_task(given[next], Detail::whole);
    ++next;
  }
  if (next < given.size()) {
    violate("task " + given[next].id.text() + " is leased and must not be");
  }
}

void Model::start(Task& task, const engine::Lease& command, const engine::TaskView& given) {
  edges_.saw(task.from(), Event::leased);
  const std::string& token = given.status.lease().token();
  demand(token.size() == 16, "a lease token is not of 16 bytes");
  demand(tokens_.insert(token).second, "a lease token is given out twice");
  task.state = TaskState::running;
  task.as_submitted = false;
  ++task.attempts;
  task.ended_by.clear();
  task.token = token;
  task.worker = command.worker_id;
  task.first_start = task.started_at == 0;
  if (task.first_start) task.started_at = now_.wall.ms;
  task.lease_ms = command.lease ? command.lease->count()
                  : task.asked->has_lease_ms()
                      ? task.asked->lease_ms()
                      : state_.queues.at(task.queue).settings.lease.count();
  set_lease_end(task, Duration{0});
}

// The lease reaches as far as was granted, not past the attempt's time-out.
void Model::set_lease_end(Task& task, Duration elapsed) {
  Duration length{task.lease_ms};
  if (const std::optional<Duration> timeout = state_.timeout(task)) {
    length = std::min(length, std::max(*timeout - elapsed, Duration{0}));
  }
  task.lease_ends = (now_.wall + length).ms;
  task.deadline = now_.steady + length;
  task.began = now_.steady - elapsed;
}

void Model::apply(Ticket ticket, const engine::Lease& command) {
  const engine::Outcome* outcome = answer(ticket);
  const auto* leased = outcome ? std::get_if<engine::Leased>(outcome) : nullptr;
  std::vector<Verdict> verdicts = settle_all(command.settle, leased ? &leased->settled : nullptr);
  if (draining_ && command.settle.empty()) {
    return expect_refusal(ticket, ErrorCode::draining, "a lease");
  }
  const bool has_some = !draining_ && anything_for(command);
  const bool waits = command.wait > Duration{0} && command.tasks_max > 0 && !draining_;
  // With a bound on how far it looks, it may be parked first and answered later in the group.
  const bool at_once =
      leased != nullptr &&
      (leased->tasks.empty() ? !waits && !has_some : are_next(command, leased->tasks));
  if (!rules_.bounded && !at_once) {
    demand(!has_some, "a lease is not given what is ready");
    demand(waits, "a lease that does not wait is not answered");
  }
  if (at_once) {
    take(ticket);
    check_settled(verdicts, leased->settled);
    if (!draining_) lease(command, leased->tasks);
    return;
  }
  if (!draining_) lease(command, {});
  engine::Lease parked = command;
  parked.settle.clear();
  parked_.emplace(ticket, Parked{.lease = std::move(parked),
                                 .task = {},
                                 .settled = std::move(verdicts),
                                 .deadline = now_.steady + command.wait});
}

// --- whoever is parked ---------------------------------------------------------------------------

// The next answer of the group to a parked lease, if there is something for it now.
bool Model::serve_one_parked() {
  for (std::size_t i = 0; i < replies_->size(); ++i) {
    const engine::Reply& reply = (*replies_)[i];
    const auto* leased = std::get_if<engine::Leased>(&reply.outcome);
    const auto found = parked_.find(reply.ticket);
    if (taken_[i] || leased == nullptr || leased->tasks.empty() || found == parked_.end()) continue;
    if (!found->second.lease || !anything_for(*found->second.lease)) continue;
    // Perhaps it is answered later in the group, with something else.
    if (!are_next(*found->second.lease, leased->tasks)) continue;
    // First parked, first served, of those in one line: tickets ascend with time.
    for (const auto& [ticket, other] : parked_) {
      if (ticket >= reply.ticket || rules_.bounded) break;
      const bool same_line = other.lease && other.lease->queues == found->second.lease->queues;
      demand(!same_line, "a call that parked later is served first");
    }
    taken_[i] = true;
    check_settled(found->second.settled, leased->settled);
    lease(*found->second.lease, leased->tasks);
    parked_.erase(found);
    return true;
  }
  return false;
}

void Model::serve_parked() {
  while (serve_one_parked()) {
  }
  for (const auto& [ticket, parked] : parked_) {
    if (!parked.lease) continue;
    bury_what_was_looked_at(*parked.lease);
    if (!rules_.bounded && anything_for(*parked.lease)) {
      violate("a task is ready and a parked lease is not served");
    }
  }
}

// Whoever looks for a task buries those that may not start; whether a parked call looked again is
// told by them alone.
void Model::bury_what_was_looked_at(const engine::Lease& command) {
  for (const TaskId& id : candidates(command.queues)) {
    const Task& task = *state_.find(id);
    if (!must_die_instead(task)) break;
    if (!after_->touches(id)) continue;
    const std::optional<engine::TaskView>& view = after_->task(id);
    if (view && view->state() == TaskState::dead) bury(change(id));
  }
}

void Model::answer_waits_for(const TaskId& id) {
  for (auto at = parked_.begin(); at != parked_.end();) {
    const bool waits = !at->second.lease && at->second.task == id;
    if (waits) expect<engine::Done>(at->first, "a wait for a task that ends");
    at = waits ? parked_.erase(at) : std::next(at);
  }
}

void Model::end_waits() {
  for (auto at = parked_.begin(); at != parked_.end();) {
    const auto& [ticket, parked] = *at;
    const bool over = parked.deadline <= now_.steady;
    const bool answered = answer(ticket) != nullptr;
    if (!over || (rules_.bounded && !answered)) {
      ++at;
      continue;
    }
    if (parked.lease) {
      const auto& leased = expect<engine::Leased>(ticket, "a lease whose wait is over");
      check_settled(parked.settled, leased.settled);
      const bool short_changed = leased.tasks.empty() && anything_for(*parked.lease);
      demand(!short_changed, "a wait ends with nothing although a task is ready");
      lease(*parked.lease, leased.tasks);
    } else {
      expect<engine::Done>(ticket, "a wait that is over");
    }
    at = parked_.erase(at);
  }
}

}  // namespace quern::sim
