#include "clients.h"

#include <algorithm>

#include "violation.h"

namespace quern::sim {

using engine::Command;
using engine::SettleVerb;

namespace {

constexpr std::size_t said_max = 12;
constexpr std::size_t old_max = 20;

bool may_be_repeated(const Command& command) {
  return std::holds_alternative<engine::Submit>(command) ||
         std::holds_alternative<engine::SettleOne>(command) ||
         std::holds_alternative<engine::Settle>(command) ||
         std::holds_alternative<engine::CancelTask>(command);
}

}  // namespace

// --- the network ---------------------------------------------------------------------------------

void Clients::act(const Step& step, Server& server) {
  Dice dice(step.salt);
  if (step.kind == StepKind::leave) return leave(dice, server);
  if (step.kind == StepKind::repeat) return repeat(dice, server);
  send(draw(step.kind, dice), dice, server);
}

// Most often by a worker, and what it said long ago as well as what it said last.
void Clients::repeat(Dice& dice, Server& server) {
  if (said_.empty()) return;
  std::size_t at = dice.below(said_.size());
  for (int tries = 0; tries < 4; ++tries) {
    if (std::holds_alternative<engine::SettleOne>(said_[at])) break;
    at = dice.below(said_.size());
  }
  send(copy_of(said_[at]), dice, server);
}

void Clients::send(Command command, Dice& dice, Server& server) {
  if (may_be_repeated(command)) {
    if (said_.size() == said_max) said_.erase(said_.begin());
    said_.push_back(copy_of(command));
  }
  const auto meets = [&](Feature feature, std::uint64_t percent) {
    return !reliable_ && plan_.has(feature) && dice.chance(percent);
  };
  const int copies = meets(Feature::duplicates, 10) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    UnderWay call{.command = copy_of(command)};
    if (meets(Feature::calls_lost, 10)) continue;
    if (meets(Feature::answers_lost, 20)) {
      call.answer = dice.chance(50) ? Fate::lost : Fate::lost_and_noticed;
    }
    // Those that are under way for longer are overtaken.
    if (meets(Feature::delayed_calls, 20)) call.steps = 1 + static_cast<int>(dice.below(6));
    under_way_.push_back(std::move(call));
  }
  std::vector<UnderWay> now;
  for (std::size_t i = 0; i < under_way_.size();) {
    if (under_way_[i].steps > 0) {
      ++i;
      continue;
    }
    now.push_back(std::move(under_way_[i]));
    under_way_.erase(under_way_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  for (UnderWay& call : now) arrive(std::move(call), server);
}

void Clients::arrive(UnderWay&& call, Server& server) {
  const engine::Ticket ticket = ++last_ticket_;
  ++calls_;
  const Result<void> taken = server.submit(ticket, std::move(call.command));
  if (taken) {
    waiting_.emplace(ticket, call.answer);
    return;
  }
  demand(!server.is_up() || taken.error().code == ErrorCode::overloaded,
         "a call is refused for no reason");
}

void Clients::pass_step(Server& server) {
  for (Command& command : std::exchange(to_tell_, {})) server.tell(std::move(command));
  std::vector<UnderWay> now;
  std::erase_if(under_way_, [&](UnderWay& call) {
    if (--call.steps > 0) return false;
    now.push_back(std::move(call));
    return true;
  });
  for (UnderWay& call : now) arrive(std::move(call), server);
}

void Clients::become_reliable(Server& server) {
  reliable_ = true;
  for (UnderWay& call : under_way_) call.steps = 1;
  pass_step(server);
}

void Clients::answered(engine::Reply&& reply) {
  const auto found = waiting_.find(reply.ticket);
  demand(found != waiting_.end(), "somebody is answered who has not asked");
  const Fate fate = found->second;
  waiting_.erase(found);
  if (fate == Fate::arrives) return learn(std::move(reply.outcome));
  const auto* leased = std::get_if<engine::Leased>(&reply.outcome);
  if (leased == nullptr || fate == Fate::lost) return;
  engine::Undelivered undelivered;
  for (const engine::TaskView& task : leased->tasks) {
    undelivered.leases.push_back({task.id, task.status.lease().token()});
  }
  to_tell_.emplace_back(std::move(undelivered));
}

void Clients::all_failed() { waiting_.clear(); }

void Clients::leave(Dice& dice, Server& server) {
  if (waiting_.empty()) return;
  const auto at =
      std::next(waiting_.begin(), static_cast<std::ptrdiff_t>(dice.below(waiting_.size())));
  server.tell(engine::Abandon{at->first});
  // It may be answered already: then what it was given is not delivered.
  at->second = Fate::lost_and_noticed;
}

void Clients::learn(engine::Outcome&& outcome) {
  if (auto* submitted = std::get_if<engine::Submitted>(&outcome)) {
    for (const engine::TaskView& task : submitted->tasks) ids_.push_back(task.id);
  } else if (auto* leased = std::get_if<engine::Leased>(&outcome)) {
    for (const engine::TaskView& task : leased->tasks) {
      held_.push_back({task.id, task.status.lease().token()});
    }
  }
}

void Clients::work_off(Server& server) {
  for (Held& held : std::exchange(held_, {})) {
    engine::SettleOne complete;
    complete.item.verb = SettleVerb::complete;
    complete.item.id = held.id;
    complete.item.id_text = held.id.text();
    complete.item.token = std::move(held.token);
    arrive({.command = std::move(complete)}, server);
  }
  engine::Lease lease{.queues = {"a", "b", "c"}, .tasks_max = 100, .worker_id = "last"};
  arrive({.command = std::move(lease)}, server);
}

// --- what they call ------------------------------------------------------------------------------

std::string Clients::draw_queue(Dice& dice) {
  return std::string(1, static_cast<char>('a' + dice.below(3)));
}

TaskId Clients::draw_task_id(Dice& dice) {
  return ids_.empty() ? TaskId{} : ids_[dice.below(ids_.size())];
}

engine::NewTask Clients::draw_task(Dice& dice) {
  engine::NewTask task{.queue = draw_queue(dice), .body = std::make_shared<record::TaskBody>()};
  record::TaskBody& body = *task.body;
  body.set_type("t" + std::to_string(dice.below(2)));
  body.set_payload("[" + std::to_string(dice.below(2)) + "]");
  body.set_priority(plan_.has(Feature::priorities) ? static_cast<std::uint32_t>(dice.below(3)) : 5);
  if (plan_.has(Feature::large_values) && dice.chance(10)) {
    body.set_payload('"' + std::string(4'100, 'x') + '"');
  }
  if (plan_.has(Feature::delays) && dice.chance(25)) task.delay = dice.up_to(5'000);
  if (plan_.has(Feature::expiry) && dice.chance(25)) {
    // It must start before it expires.
    task.ttl = task.delay.value_or(Duration{0}) + Duration{1} + dice.up_to(5'000);
  }
  if (plan_.has(Feature::timeouts) && dice.chance(25)) {
    body.set_timeout_ms(1 + dice.up_to(5'000).count());
  }
  if (plan_.has(Feature::keys) && dice.chance(40)) {
    body.set_idempotency_key("k" + std::to_string(dice.below(5)));
  }
  if (dice.chance(20)) body.set_correlation_id("c" + std::to_string(dice.below(3)));
  if (dice.chance(30)) body.set_max_attempts(1 + static_cast<std::uint32_t>(dice.below(3)));
  if (dice.chance(20)) body.set_lease_ms(1'000 + dice.up_to(4'000).count());
  if (dice.chance(15)) {
    record::RetryOverride& retry = *body.mutable_retry();
    if (dice.chance(50)) retry.set_strategy(static_cast<std::uint32_t>(dice.below(3)));
    if (dice.chance(50)) retry.set_base_ms(dice.up_to(3'000).count());
    if (dice.chance(30)) retry.set_max_ms(dice.up_to(3'000).count());
    if (dice.chance(50)) retry.set_jitter(dice.chance(50));
  }
  return task;
}

engine::Submit Clients::draw_submit(Dice& dice, bool batch) {
  engine::Submit submit{.batch = batch};
  const std::uint64_t count = batch ? 1 + dice.below(8) : 1;
  for (std::uint64_t i = 0; i < count; ++i) submit.tasks.push_back(draw_task(dice));
  return submit;
}

engine::Lease Clients::draw_lease(Dice& dice, Duration wait) {
  engine::Lease lease{.queues = {draw_queue(dice)}, .wait = wait};
  if (dice.chance(50)) lease.queues.push_back(draw_queue(dice));
  lease.tasks_max = static_cast<std::uint32_t>(dice.chance(5) ? 0 : 1 + dice.below(4));
  if (dice.chance(50)) lease.lease = Duration{1'000} + dice.up_to(3'000);
  lease.worker_id = "w" + std::to_string(dice.below(3));
  if (dice.chance(30)) lease.settle.push_back(draw_settle(dice, false));
  return lease;
}

engine::SettleItem Clients::draw_settle(Dice& dice, bool stale) {
  engine::SettleItem item;
  item.verb = static_cast<SettleVerb>(dice.below(4));
  // Half of what workers say is that they are done.
  if (dice.chance(30)) item.verb = SettleVerb::complete;
  item.result = dice.chance(80) ? "null" : "[1]";
  if (plan_.has(Feature::large_values) && dice.chance(20)) {
    item.result = '"' + std::string(4'100, 'r') + '"';
  }
  item.error_type = "e" + std::to_string(dice.below(2));
  item.error_message = "m" + std::to_string(dice.below(2));
  if (dice.chance(20)) item.error_details = "{}";
  item.retryable = dice.chance(75);
  if (dice.chance(30)) item.retry_after = dice.up_to(3'000);
  if (dice.chance(30)) item.lease = Duration{1'000} + dice.up_to(3'000);
  if (dice.chance(40)) item.delay = dice.up_to(3'000);
  if (dice.chance(30)) {
    const bool large = plan_.has(Feature::large_values) && dice.chance(50);
    item.progress = '"' + std::string(large ? 1'100 : 3, 'p') + '"';
  }

  std::vector<Held>& from = (stale && !old_.empty()) ? old_ : held_;
  if (from.empty()) {
    item.id = draw_task_id(dice);
    item.token = dice.chance(50) ? std::string(16, 'x') : std::string();
  } else {
    const std::size_t i = dice.below(from.size());
    item.id = from[i].id;
    item.token = from[i].token;
    // A foreign task under a token that holds another.
    if (stale && dice.chance(30)) item.id = draw_task_id(dice);
    const bool silent = plan_.has(Feature::silent_workers) && dice.chance(20);
    const bool done_with = item.verb != SettleVerb::heartbeat && dice.chance(85);
    if (&from == &held_ && (done_with || silent)) {
      if (old_.size() == old_max) old_.erase(old_.begin());
      old_.push_back(held_[i]);
      held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (silent) item.token = std::string(16, 'y');  // says nothing that counts
  }
  if (dice.chance(2)) item.id.reset();
  item.id_text = item.id ? item.id->text() : "none";
  return item;
}

QueueSettings Clients::draw_settings(Dice& dice) {
  QueueSettings settings;
  settings.max_attempts = 1 + static_cast<std::uint32_t>(dice.below(4));
  settings.retry.strategy = static_cast<RetryStrategy>(dice.below(3));
  settings.retry.base = dice.up_to(2'000);
  settings.retry.factor = dice.chance(50) ? 2.0 : 1.5;
  settings.retry.max = dice.chance(50) ? Duration{120'000} : dice.up_to(3'000);
  settings.retry.jitter = dice.chance(50);
  settings.lease = Duration{1'000} + dice.up_to(4'000);
  settings.retention = dice.up_to(20'000);
  settings.idempotency_window = dice.up_to(20'000);
  if (dice.chance(30)) settings.dead_retention = dice.up_to(20'000);
  if (plan_.has(Feature::expiry) && dice.chance(30)) settings.ttl = Duration{1} + dice.up_to(9'000);
  if (plan_.has(Feature::timeouts) && dice.chance(30)) {
    settings.timeout = Duration{1} + dice.up_to(5'000);
  }
  if (dice.chance(30)) settings.max_backlog = 1 + dice.below(12);
  settings.paused = plan_.has(Feature::pauses) && dice.chance(15);
  return settings;
}

engine::PatchQueue Clients::draw_patch(Dice& dice) {
  engine::PatchQueue patch{.name = draw_queue(dice), .merge_patch = {}};
  switch (dice.below(4)) {
    case 0:
      patch.merge_patch = R"({"max_attempts":)" + std::to_string(1 + dice.below(3)) + "}";
      break;
    case 1:
      patch.merge_patch = R"({"retention_ms":)" + std::to_string(dice.below(10'000)) + "}";
      break;
    case 2:
      patch.merge_patch = R"({"dead_retention_ms":null})";
      break;
    default:
      patch.merge_patch = R"({"dead_retention_ms":)" + std::to_string(dice.below(10'000)) + "}";
  }
  return patch;
}

engine::DeadFilter Clients::draw_filter(Dice& dice) {
  engine::DeadFilter filter;
  if (dice.chance(30)) filter.limit = 1 + dice.below(3);
  if (dice.chance(25)) filter.error_type = "e0";
  if (dice.chance(15)) filter.type = "t0";
  if (dice.chance(15)) filter.dead_reason = static_cast<DeadReason>(1 + dice.below(3));
  if (dice.chance(30)) {
    filter.ids.emplace();
    for (int i = 0; i < 4; ++i) filter.ids->push_back(draw_task_id(dice));
  }
  return filter;
}

Command Clients::draw(StepKind kind, Dice& dice) {
  switch (kind) {
    case StepKind::submit_batch:
      return draw_submit(dice, true);
    case StepKind::lease:
      return draw_lease(dice, Duration{0});
    case StepKind::park_lease:
      return draw_lease(dice, Duration{1} + dice.up_to(10'000));
    case StepKind::settle:
      return engine::SettleOne{draw_settle(dice, false)};
    case StepKind::settle_stale:
      return engine::SettleOne{draw_settle(dice, true)};
    case StepKind::settle_many: {
      engine::Settle settle;
      for (std::uint64_t n = 1 + dice.below(4); n > 0; --n) {
        settle.items.push_back(draw_settle(dice, dice.chance(20)));
      }
      return settle;
    }
    case StepKind::cancel:
      return engine::CancelTask{draw_task_id(dice)};
    case StepKind::redrive:
      return engine::RedriveTask{draw_task_id(dice)};
    case StepKind::wait:
      return engine::WaitTask{draw_task_id(dice), dice.up_to(10'000)};
    case StepKind::put_queue:
      return engine::PutQueue{draw_queue(dice), draw_settings(dice)};
    case StepKind::patch_queue:
      return draw_patch(dice);
    case StepKind::pause_queue:
      return engine::PauseQueue{draw_queue(dice), dice.chance(40)};
    case StepKind::purge: {
      engine::PurgeQueue purge{.name = draw_queue(dice), .states = {}};
      constexpr std::array states{TaskState::scheduled, TaskState::ready,     TaskState::retrying,
                                  TaskState::dead,      TaskState::succeeded, TaskState::cancelled};
      for (const TaskState state : states) {
        if (dice.chance(35)) purge.states.push_back(state);
      }
      return purge;
    }
    case StepKind::remove_queue:
      return engine::DeleteQueue{draw_queue(dice), dice.chance(60)};
    case StepKind::redrive_dead: {
      engine::RedriveDead redrive{.name = draw_queue(dice), .filter = draw_filter(dice)};
      if (dice.chance(40)) redrive.to_queue = draw_queue(dice);
      if (dice.chance(40)) redrive.rate_per_second = 0.5 + static_cast<double>(dice.below(4));
      return redrive;
    }
    case StepKind::discard_dead:
      return engine::DiscardDead{draw_queue(dice), draw_filter(dice)};
    case StepKind::ask_queue:
      return engine::GetQueue{draw_queue(dice)};
    case StepKind::list_queues:
      return engine::ListQueues{dice.chance(50) ? "" : draw_queue(dice), 1 + dice.below(3)};
    default:
      return draw_submit(dice, false);
  }
}

}  // namespace quern::sim
