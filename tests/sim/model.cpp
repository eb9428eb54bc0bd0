// The model's frame, and the commands on tasks and queues.

#include "model.h"

#include <algorithm>

#include "violation.h"

namespace quern::sim {

using engine::Detail;
using engine::Outcome;
using engine::Ticket;

// --- the group -----------------------------------------------------------------------------------

void Model::group(const std::vector<Call>& calls, const std::vector<engine::Reply>& replies,
                  const After& after, engine::Now now, bool idle) {
  demand(now.wall >= now_.wall && now.steady >= now_.steady, "time went back");
  now_ = now;
  replies_ = &replies;
  taken_.assign(replies.size(), false);
  after_ = &after;
  for (const Call& call : calls) {
    std::visit([&](const auto& command) { apply(call.ticket, command); }, call.command);
    serve_parked();
  }
  tick();
  for (std::size_t i = 0; i < replies.size(); ++i) {
    if (!taken_[i]) {
      violate("ticket " + std::to_string(replies[i].ticket) + " is answered out of turn (" +
              std::to_string(replies[i].outcome.index()) + ")");
    }
  }
  check_store();
  if (idle) demand_nothing_is_due();
}

void Model::recovered(engine::Now now) {
  parked_.clear();
  jobs_.clear();
  to_show_.clear();
  to_list_.clear();
  draining_ = false;
  read_only_ = false;
  now_ = now;
  for (auto& [number, queue] : state_.queues) {
    if (queue.deleting) jobs_.push_back({.kind = JobKind::remove_queue, .queue = number});
  }
  for (const auto& [id, shared] : state_.tasks) {
    edges_.saw(shared->from(), Event::recovered);
    if (shared->state != TaskState::running) continue;
    Task& task = state_.edit(id);
    // Only the wall clock goes on: the lease ends when its record says, at most as late as granted.
    const Duration left =
        std::clamp(Timestamp{task.lease_ends} - now.wall, Duration{0}, Duration{task.lease_ms});
    const engine::Steady lasted = task.deadline - task.began;
    task.deadline = now.steady + left;
    task.began = task.deadline - lasted;
  }
}

const Outcome* Model::answer(Ticket ticket) const {
  for (std::size_t i = 0; i < replies_->size(); ++i) {
    if ((*replies_)[i].ticket == ticket && !taken_[i]) return &(*replies_)[i].outcome;
  }
  return nullptr;
}

const Outcome* Model::take(Ticket ticket) {
  for (std::size_t i = 0; i < replies_->size(); ++i) {
    if ((*replies_)[i].ticket != ticket || taken_[i]) continue;
    taken_[i] = true;
    return &(*replies_)[i].outcome;
  }
  return nullptr;
}

void Model::expect_refusal(Ticket ticket, ErrorCode code, const char* what) {
  const Outcome* outcome = take(ticket);
  if (outcome == nullptr) violate(std::string(what) + " is not answered");
  const Error* error = std::get_if<Error>(outcome);
  if (error != nullptr && error->code == code) return;
  violate(std::string(what) + " must be refused with " + std::string(to_string(code)) + ", is " +
          (error ? std::string(to_string(error->code)) : "done"));
}

bool Model::refuse(Ticket ticket, std::optional<ErrorCode> code, const char* what) {
  if (code) expect_refusal(ticket, *code, what);
  return code.has_value();
}

// --- submit --------------------------------------------------------------------------------------

const Task* Model::holder(QueueNumber queue, const std::string& key) const {
  const auto held = state_.keys.find({queue, key});
  if (held == state_.keys.end()) return nullptr;
  const Task* task = state_.find(held->second);
  if (task == nullptr) violate("the model lost a key's task");
  const bool over = !key_holds(*task);
  return is_terminal(task->state) && over ? nullptr : task;
}

std::optional<ErrorCode> Model::refusal_of(const engine::Submit& command) const {
  if (draining_) return ErrorCode::draining;
  State& state = const_cast<State&>(state_);
  std::map<std::string, std::uint64_t> wanted;
  for (std::size_t i = 0; i < command.tasks.size(); ++i) {
    const engine::NewTask& asked = command.tasks[i];
    const std::string& key = asked.body->idempotency_key();
    const auto other = [&](const record::TaskBody& first) {
      return first.type() != asked.body->type() || first.payload() != asked.body->payload();
    };
    const Queue* queue = state.find_queue(asked.queue);
    const Task* first = queue && !key.empty() ? holder(queue->number, key) : nullptr;
    if (first != nullptr) {
      if (other(*first->asked)) {
        edges_.saw(first->from(), Event::key_reused);
        return ErrorCode::idempotency_key_reused;
      }
      continue;
    }
    const auto same_key = [&](const engine::NewTask& earlier) {
      return earlier.queue == asked.queue && earlier.body->idempotency_key() == key;
    };
    const auto end = command.tasks.begin() + static_cast<std::ptrdiff_t>(i);
    const auto twin = key.empty() ? end : std::find_if(command.tasks.begin(), end, same_key);
    if (twin != end) {
      if (other(*twin->body)) return ErrorCode::idempotency_key_reused;
      continue;
    }
    ++wanted[asked.queue];
  }
  std::size_t new_queues = 0;
  bool full = false;
  for (const auto& [name, count] : wanted) {
    const Queue* queue = state.find_queue(name);
    if (queue == nullptr) {
      ++new_queues;
    } else if (queue->settings.max_backlog) {
      full |= state_.unfinished(queue->number) + count > *queue->settings.max_backlog;
    }
  }
  if (full) return ErrorCode::queue_full;
  if (new_queues > 0 && state_.queues.size() + new_queues > rules_.queues_max) {
    return ErrorCode::too_many_queues;
  }
  // What creates nothing, a replay, is answered all the same.
  if (read_only_ && !wanted.empty()) return ErrorCode::read_only;
  return std::nullopt;
}

void Model::apply(Ticket ticket, const engine::Submit& command) {
  if (refuse(ticket, refusal_of(command), "a submit")) return;
  const auto& answer = expect<engine::Submitted>(ticket, "a submit");
  demand(answer.tasks.size() == command.tasks.size(), "a submit is answered with fewer tasks");
  bool replayed = false;
  for (std::size_t i = 0; i < command.tasks.size(); ++i) {
    const engine::NewTask& asked = command.tasks[i];
    const std::string& key = asked.body->idempotency_key();
    const Queue& queue = ensure_queue(asked.queue);
    const Task* first = key.empty() ? nullptr : holder(queue.number, key);
    if (first == nullptr) {
      const Task& made = create(asked, answer.tasks[i]);
      compare(made, queue.name, state_.max_attempts(made), answer.tasks[i], Detail::brief);
      continue;
    }
    demand(first->id == answer.tasks[i].id, "one key names two tasks");
    const bool made_now =
        std::any_of(answer.tasks.begin(), answer.tasks.begin() + static_cast<std::ptrdiff_t>(i),
                    [&](const auto& view) { return view.id == first->id; });
    if (made_now) continue;
    edges_.saw(first->from(), Event::replayed);
    replayed = true;
    check_task(answer.tasks[i], Detail::head);
  }
  demand(answer.replayed == replayed, "a replay is not said to be one, or what is none is");
}

Task& Model::create(const engine::NewTask& asked, const engine::TaskView& answer) {
  const Queue& queue = *state_.find_queue(asked.queue);
  const record::TaskBody& body = *asked.body;
  auto task = std::make_shared<Task>();
  task->id = answer.id;
  task->queue = queue.number;
  task->asked = asked.body;
  task->created_at = now_.wall.ms;
  task->run_at = asked.delay ? (now_.wall + *asked.delay).ms : now_.wall.ms;
  if (!asked.delay && body.run_at() != 0) task->run_at = body.run_at();
  if (body.expires_at() != 0) task->expires_at = body.expires_at();
  if (asked.ttl) {
    task->expires_at = (now_.wall + *asked.ttl).ms;
  } else if (queue.settings.ttl && body.expires_at() == 0) {
    task->expires_at = (now_.wall + *queue.settings.ttl).ms;
  }
  const bool later = task->run_at > now_.wall.ms;
  task->state = later ? TaskState::scheduled : TaskState::ready;
  task->ready_since = static_cast<std::int64_t>(task->id.unix_ms());

  demand(!state_.tasks.contains(task->id), "two tasks have one id");
  const auto age = [](const TaskId& id) { return std::pair(id.unix_ms(), id.sequence()); };
  demand(age(task->id) > age(state_.newest_id), "ids go back");
  demand(task->id.unix_ms() >= static_cast<std::uint64_t>(now_.wall.ms), "an id is of the past");
  demand(task->id.queue() == queue.number, "an id names another queue than its own");
  demand(task->id.lane() == (later ? TaskId::lane_later : body.priority()), "an id's lane");
  state_.newest_id = task->id;
  if (!body.idempotency_key().empty()) {
    state_.keys[{queue.number, body.idempotency_key()}] = task->id;
  }
  const TaskId id = task->id;
  state_.tasks.emplace(id, std::move(task));
  return change(id);
}

// --- one task ------------------------------------------------------------------------------------

void Model::apply(Ticket ticket, const engine::WaitTask& command) {
  const Task* task = state_.find(command.id);
  if (task == nullptr || is_terminal(task->state) || draining_) {
    expect<engine::Done>(ticket, "a wait for a task that has ended");
    return;
  }
  parked_.emplace(
      ticket,
      Parked{
          .lease = {}, .task = command.id, .settled = {}, .deadline = now_.steady + command.wait});
}

void Model::apply(Ticket ticket, const engine::CancelTask& command) {
  const Task* task = state_.find(command.id);
  if (task == nullptr) return expect_refusal(ticket, ErrorCode::task_not_found, "a cancel");
  if (is_terminal(task->state)) {
    edges_.saw(task->from(), Event::cancel_refused);
    return expect_refusal(ticket, ErrorCode::task_finished, "a cancel");
  }
  edges_.saw(task->from(), Event::cancelled);
  finish(change(command.id), TaskState::cancelled);
  check_task(expect<engine::OneTask>(ticket, "a cancel").task, Detail::whole);
}

void Model::apply(Ticket ticket, const engine::RedriveTask& command) {
  const Task* task = state_.find(command.id);
  if (task == nullptr) return expect_refusal(ticket, ErrorCode::task_not_found, "a redrive");
  if (task->state != TaskState::dead) {
    edges_.saw(task->from(), Event::redrive_refused);
    return expect_refusal(ticket, ErrorCode::not_dead, "a redrive");
  }
  edges_.saw(task->from(), Event::redriven);
  redrive(change(command.id), task->queue, now_.wall.ms);
  check_task(expect<engine::OneTask>(ticket, "a redrive").task, Detail::whole);
}

// --- queues --------------------------------------------------------------------------------------

Queue& Model::ensure_queue(const std::string& name) {
  if (Queue* queue = state_.find_queue(name)) return *queue;
  const QueueNumber number = ++state_.last_queue;
  return state_.queues.emplace(number, Queue{number, name, {}, false}).first->second;
}

bool Model::shown(Ticket ticket, const std::string& name, bool late) {
  const Outcome* outcome = answer(ticket);
  if (outcome == nullptr) return false;
  const auto* one = std::get_if<engine::OneQueue>(outcome);
  const Queue* queue = state_.find_queue(name);
  if (one == nullptr || queue == nullptr) {
    if (queue != nullptr && !late && rules_.bounded) return false;
    expect_refusal(ticket, ErrorCode::queue_not_found, "a question about a queue");
    return true;
  }
  const std::string wrong = differences(one->queue, *queue);
  if (!wrong.empty() && rules_.bounded && !late) return false;
  if (!wrong.empty() && !late) violate("queue " + name + ": " + wrong);
  demand(one->queue.name == name, "a queue is shown under another name");
  take(ticket);
  return true;
}

void Model::show(Ticket ticket, const std::string& queue) {
  if (shown(ticket, queue, false)) return;
  if (!rules_.bounded) violate("a question about a queue is not answered");
  // Looking for the oldest ready task may take until a later tick: then it is said as of then.
  to_show_.emplace(ticket, queue);
}

bool Model::shown_page(Ticket ticket, const engine::ListQueues& command, bool late) {
  if (answer(ticket) == nullptr) return false;
  const auto& page = expect<engine::QueuePage>(ticket, "a list of queues");
  if (late || rules_.bounded) return true;  // each of its queues is of another instant
  std::map<std::string, const Queue*> names;
  for (const auto& [number, queue] : state_.queues) {
    if (!queue.deleting && queue.name > command.after) names.emplace(queue.name, &queue);
  }
  demand(page.queues.size() == std::min(names.size(), command.limit), "a list of queues is short");
  demand(page.more == (names.size() > command.limit), "a list of queues is said to end, or not to");
  auto expected = names.begin();
  for (const engine::QueueView& view : page.queues) {
    const std::string wrong = differences(view, *(expected++)->second);
    if (!wrong.empty()) violate("in a list, queue " + view.name + ": " + wrong);
  }
  return true;
}

void Model::apply(Ticket ticket, const engine::GetQueue& command) { show(ticket, command.name); }

void Model::apply(Ticket ticket, const engine::ListQueues& command) {
  if (shown_page(ticket, command, false)) return;
  if (!rules_.bounded) violate("a list of queues is not answered");
  to_list_.emplace(ticket, command);
}

void Model::apply(Ticket ticket, const engine::PutQueue& command) {
  if (state_.find_queue(command.name) == nullptr && state_.queues.size() >= rules_.queues_max) {
    return expect_refusal(ticket, ErrorCode::too_many_queues, "a new queue");
  }
  ensure_queue(command.name).settings = command.settings;
  show(ticket, command.name);
}

// The one-field patches that clients send here.
void Model::apply(Ticket ticket, const engine::PatchQueue& command) {
  Queue* queue = state_.find_queue(command.name);
  if (queue == nullptr) return expect_refusal(ticket, ErrorCode::queue_not_found, "a patch");
  const std::string& json = command.merge_patch;
  const std::size_t colon = json.find(':');
  const std::string field = json.substr(2, colon - 3);
  const std::string value = json.substr(colon + 1, json.size() - colon - 2);
  const auto number = [&] { return std::stoll(value); };
  if (field == "max_attempts") {
    queue->settings.max_attempts = static_cast<std::uint32_t>(number());
  } else if (field == "retention_ms") {
    queue->settings.retention = Duration{number()};
  } else if (field == "dead_retention_ms") {
    queue->settings.dead_retention =
        value == "null" ? std::nullopt : std::optional(Duration{number()});
  } else {
    violate("the model does not know the setting " + field);
  }
  show(ticket, command.name);
}

void Model::apply(Ticket ticket, const engine::PauseQueue& command) {
  Queue* queue = state_.find_queue(command.name);
  if (queue == nullptr) return expect_refusal(ticket, ErrorCode::queue_not_found, "a pause");
  queue->settings.paused = command.paused;
  show(ticket, command.name);
}

void Model::apply(Ticket ticket, const engine::DeleteQueue& command) {
  Queue* queue = state_.find_queue(command.name);
  if (queue == nullptr) return expect_refusal(ticket, ErrorCode::queue_not_found, "a delete");
  const std::uint64_t dead =
      state_.counts(queue->number)[static_cast<std::size_t>(TaskState::dead)];
  if (!command.force && state_.unfinished(queue->number) + dead > 0) {
    return expect_refusal(ticket, ErrorCode::queue_not_empty, "a delete");
  }
  queue->deleting = true;
  jobs_.push_back({.kind = JobKind::remove_queue, .ticket = ticket, .queue = queue->number});
}

void Model::apply(Ticket ticket, const engine::PurgeQueue& command) {
  const Queue* queue = state_.find_queue(command.name);
  if (queue == nullptr) return expect_refusal(ticket, ErrorCode::queue_not_found, "a purge");
  Job job{.kind = JobKind::purge,
          .ticket = ticket,
          .queue = queue->number,
          .states = command.states,
          .newest = state_.newest_id};
  for (const auto& [id, task] : state_.tasks) {
    if (matches(job, *task)) job.chosen.insert(id);
  }
  jobs_.push_back(std::move(job));
}

void Model::apply(Ticket ticket, const engine::RedriveDead& command) {
  const Queue* queue = state_.find_queue(command.name);
  if (queue == nullptr) return expect_refusal(ticket, ErrorCode::queue_not_found, "a redrive");
  const bool makes_queue = command.to_queue && state_.find_queue(*command.to_queue) == nullptr;
  if (makes_queue && state_.queues.size() >= rules_.queues_max) {
    return expect_refusal(ticket, ErrorCode::too_many_queues, "a redrive to a new queue");
  }
  jobs_.push_back({.kind = JobKind::redrive,
                   .ticket = ticket,
                   .queue = queue->number,
                   .filter = command.filter,
                   .to_queue = command.to_queue,
                   .rate = command.rate_per_second,
                   .started_at = now_.wall.ms});
}

void Model::apply(Ticket ticket, const engine::DiscardDead& command) {
  const Queue* queue = state_.find_queue(command.name);
  if (queue == nullptr) return expect_refusal(ticket, ErrorCode::queue_not_found, "a discard");
  jobs_.push_back({.kind = JobKind::discard,
                   .ticket = ticket,
                   .queue = queue->number,
                   .filter = command.filter,
                   .started_at = now_.wall.ms});
}

// The server says it for itself, before it ends.
void Model::apply(Ticket ticket, const engine::Drain& command) {
  demand(ticket == 0 && command.stopping, "a drain that is not the server's own");
  draining_ = true;
  for (const auto& [parked_ticket, parked] : parked_) {
    if (parked.lease) {
      const auto& leased = expect<engine::Leased>(parked_ticket, "a parked lease, draining,");
      demand(leased.tasks.empty(), "a draining server gives out a lease");
      check_settled(parked.settled, leased.settled);
    } else {
      expect<engine::Done>(parked_ticket, "a parked wait, draining,");
    }
  }
  parked_.clear();
}

void Model::apply(Ticket, const engine::EndDrain&) {
  demand(false, "a drain was taken back, which no client asked for");
}

void Model::apply(Ticket ticket, const engine::BackupCall&) {
  expect_refusal(ticket, ErrorCode::no_backup_directory, "a backup");
}

void Model::apply(Ticket, const engine::ReadOnly& command) { read_only_ = !command.reason.empty(); }

}  // namespace quern::sim
