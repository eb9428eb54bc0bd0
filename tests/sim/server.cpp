#include "server.h"

#include <algorithm>

#include "describe.h"
#include "index_check.h"
#include "invariants.h"
#include "quern/storage/keys.h"
#include "violation.h"

namespace quern::sim {

using engine::Command;
using storage::MemoryStore;

namespace {

constexpr std::int64_t start_ms = 1'800'000'000'000;

std::uint64_t last_commit_in(const storage::Reader& reader) {
  std::string value;
  const Result<bool> found = reader.get(storage::Table::meta, storage::keys::last_commit, value);
  if (!found) violate("the last commit's record cannot be read: " + found.error().detail);
  record::Commit commit;
  demand(!*found || commit.ParseFromString(value), "the last commit's record is damaged");
  return commit.sequence();
}

}  // namespace

Command copy_of(const Command& command) {
  Command copy = command;
  if (auto* submit = std::get_if<engine::Submit>(&copy)) {
    for (engine::NewTask& task : submit->tasks) {
      task.body = std::make_shared<record::TaskBody>(*task.body);
    }
  }
  return copy;
}

Server::Server(const Plan& plan, Clients& clients, Edges& edges, std::vector<std::string>* history)
    : plan_(plan),
      clients_(clients),
      history_(history),
      random_(plan.seed * 7919 + 1),
      model_({.queues_max = plan.engine.queues_max, .bounded = plan.has(Feature::small_bounds)},
             edges) {
  start_process();
  open();
}

// --- time ----------------------------------------------------------------------------------------

engine::Now Server::now() {
  const Duration system = Duration{start_ms} + time_ + clock_error_;
  return clock_->at(system, boot_ + time_);
}

bool Server::is_idle() {
  if (!is_up() || !queue_->empty() || committer_->has_commands()) return false;
  const std::optional<engine::Steady> next = committer_->next_deadline();
  return !next || *next > now().steady;
}

std::optional<Duration> Server::until_next_deadline() {
  const std::optional<engine::Steady> next = committer_->next_deadline();
  if (!next) return std::nullopt;
  return std::chrono::ceil<Duration>(std::max(*next - now().steady, engine::Steady{0}));
}

// --- the process ---------------------------------------------------------------------------------

void Server::start_process() {
  committer_.reset();
  store_ = nullptr;
  // Fewer rows than there are queues, so that some share one.
  figures_ = std::make_unique<engine::FiguresBoard>(2);
  engine::Engine::Options options = plan_.engine;
  options.figures = figures_.get();
  committer_ = std::make_unique<server::Committer>(
      server::Committer::Options{.engine = options,
                                 .group_commands_max = plan_.group_commands_max,
                                 .group_bytes_max = std::size_t{1} << 30},
      random_);
  queue_ = std::make_unique<server::CommandQueue>(64);
  queue_->close("starting");
  clock_ = std::make_unique<server::HybridClock>();
  boot_ = Duration{static_cast<std::int64_t>(random_.below(1'000'000))};
  taken_.clear();
  next_ = 0;
  to_be_taken_back_.clear();
  told_to_drain_ = false;
}

void Server::tell(Command&& command) {
  if (const auto* leases = std::get_if<engine::Undelivered>(&command)) expect_back(*leases);
  queue_->tell(std::move(command));
}

void Server::drain() {
  told_to_drain_ = true;
  queue_->drain();
}

Result<void> Server::submit(engine::Ticket ticket, Command&& command) {
  return queue_->submit(ticket, std::move(command));
}

void Server::open() {
  if (disk_away_) return;
  auto store = std::make_unique<MemoryStore>(disk_, plan_.durability);
  store_ = store.get();
  store_->fill_disk(disk_full_);
  reads_fail_ = false;
  const engine::Now at = now();
  if (Result<void> opened = committer_->open(std::move(store), at); !opened) {
    violate("the server does not recover: " + opened.error().detail);
  }
  // A commit that failed may be on the disk, and was not counted: the rest is counted from here.
  figures_check_.begin(*figures_);
  adopt_what_is_on_disk();
  note([&] {
    return "  a new engine, from commit " + std::to_string(model_.state().commits) + ", at " +
           to_rfc3339(at.wall);
  });
  model_.recovered(at);
  check_everything();
  queue_->open();
  for (Command& command : committer_->take_unheard()) queue_->tell(std::move(command));
}

// A prefix of all commits, with everything that anybody was told of.
void Server::adopt_what_is_on_disk() {
  const std::uint64_t found = last_commit_in(*store_);
  const bool may_lose = power_was_cut_ && plan_.durability == storage::Durability::os;
  if (found < acked_ && !may_lose) {
    violate("commit " + std::to_string(acked_) +
            " was acknowledged and is lost: the disk ends at " + std::to_string(found));
  }
  if (found != model_.state().commits) {
    const auto state = std::find_if(possible_.begin(), possible_.end(),
                                    [&](const State& s) { return s.commits == found; });
    if (state == possible_.end()) {
      violate("the disk ends at commit " + std::to_string(found) + ", which it cannot");
    }
    model_.set_state(std::move(*state));
  }
  possible_.clear();
  acked_ = found;
  power_was_cut_ = false;
}

// As CommitLoop::recover does.
void Server::recover(const Error& error) {
  queue_->close("recovering from a storage failure: " + error.detail);
  committer_->end_engine();
  fail_all(server::outcome_unknown(error));
  committer_->close();
  store_ = nullptr;
  taken_.clear();
  next_ = 0;
  open();
}

void Server::kill() {
  start_process();
  clients_.all_failed();
}

void Server::cut_power(std::size_t commits_kept) {
  if (store_ != nullptr) store_->lose_power(std::min(commits_kept, store_->unsynced_count()));
  power_was_cut_ = true;
  kill();
}

void Server::sync() {
  if (store_ == nullptr) return;
  store_->sync();
  possible_.clear();
}

void Server::fill_disk(bool full) {
  disk_full_ = full;
  if (store_ != nullptr) store_->fill_disk(full);
}

// --- the loop ------------------------------------------------------------------------------------

void Server::turn() {
  if (!is_up()) open();
  if (is_up()) run_group();
}

void Server::take_commands() {
  if (committer_->has_commands()) return;
  taken_.clear();
  next_ = 0;
  for (const server::Queued& queued : queue_->waiting()) {
    taken_.push_back({queued.ticket, copy_of(queued.command)});
  }
  committer_->take(*queue_);
}

void Server::run_group() {
  take_commands();
  const bool may_be_undone =
      armed_ != Fault::none || disk_full_ || plan_.durability == storage::Durability::os;
  State before = may_be_undone ? model_.state() : State{};
  store_->fail_reads(reads_fail_);
  const engine::Now at = now();
  Result<server::Committer::Group> group = committer_->apply(at);
  if (!group) {
    if (!reads_fail_) violate("the engine failed by itself: " + group.error().detail);
    return recover(group.error());
  }
  // A failing read that nobody met: it is over.
  store_->fail_reads(false);
  reads_fail_ = false;

  const std::size_t end = std::min(taken_.size(), next_ + plan_.group_commands_max);
  const std::vector<Model::Call> calls(taken_.begin() + static_cast<std::ptrdiff_t>(next_),
                                       taken_.begin() + static_cast<std::ptrdiff_t>(end));
  next_ = end;
  const std::optional<engine::Steady> deadline = committer_->next_deadline();
  const bool idle = next_ == taken_.size() && (!deadline || *deadline > at.steady);
  const After after(*store_, group->batch);
  note_group(calls, *group, at);
  mix(*group);
  model_.group(calls, group->replies, after, at, idle);
  number_commit(*group, after);
  check_indexes(after, model_.state());
  if (idle && queue_->empty()) {
    demand_taken_back();
    demand(!told_to_drain_ || model_.is_draining(), "a new engine does not know that it drains");
  }
  commit(std::move(*group), std::move(before));
}

void Server::note_group(const std::vector<Model::Call>& calls,
                        const server::Committer::Group& group, engine::Now at) {
  if (history_ == nullptr || (calls.empty() && group.batch.writes.empty())) return;
  history_->push_back("  a group at " + to_rfc3339(at.wall) + ", steady " +
                      std::to_string(at.steady.count() / 1000) + " ms, " +
                      std::to_string(group.batch.writes.size()) + " writes");
  for (const Model::Call& call : calls) {
    history_->push_back("    " + std::to_string(call.ticket) + " " + describe(call.command));
  }
  for (const engine::Reply& reply : group.replies) {
    history_->push_back("    " + std::to_string(reply.ticket) + " → " + describe(reply.outcome));
  }
}

// Numbers have no holes and are never given twice.
void Server::number_commit(const server::Committer::Group& group, const After& after) {
  if (group.batch.writes.empty()) return;
  const std::uint64_t number = model_.count_commit();
  const std::uint64_t written = last_commit_in(after.store());
  if (written == number) return;
  violate("commit " + std::to_string(number) + " says that it is number " +
          std::to_string(written));
}

void Server::commit(server::Committer::Group&& group, State before) {
  const bool writes = !group.batch.writes.empty();
  const Fault fault = writes ? std::exchange(armed_, Fault::none) : Fault::none;
  const bool applied =
      fault == Fault::fail_applied || fault == Fault::kill_after || fault == Fault::power_cut;
  if (fault != Fault::none) {
    store_->fail_next_commit(applied ? MemoryStore::Fault::fail_applied
                                     : MemoryStore::Fault::fail_unapplied);
  }
  const bool may_fail = fault != Fault::none || disk_full_;
  engine::Undelivered unheard;
  if (may_fail) {
    for (const engine::Reply& reply : group.replies) {
      const auto* leased = std::get_if<engine::Leased>(&reply.outcome);
      if (leased == nullptr) continue;
      for (const engine::TaskView& task : leased->tasks) {
        unheard.leases.push_back({task.id, task.status.lease().token()});
      }
    }
  }
  const Result<void> committed = committer_->commit(std::move(group), *this);
  if (!committed) {
    note([&] {
      return std::string("  the commit fails, ") + (applied ? "applied" : "not applied") +
             (fault >= Fault::kill_before ? ", and the process is gone" : "");
    });
  }
  if (writes && (may_fail || plan_.durability == storage::Durability::os)) {
    possible_.push_back(std::move(before));
  }
  if (committed) return demand(!writes || !may_fail, "a commit that failed is taken for done");
  expect_back(unheard);
  switch (fault) {
    case Fault::kill_before:
    case Fault::kill_after:
      return kill();
    case Fault::power_cut:
      return cut_power(commits_kept_);
    default:
      return recover(committed.error());
  }
}

void Server::deliver(std::vector<engine::Reply>&& replies) {
  acked_ = std::max(acked_, model_.state().commits);
  for (engine::Reply& reply : replies) clients_.answered(std::move(reply));
}

// I21: a lease that its worker never heard of goes back, whatever fails meanwhile.
void Server::expect_back(const engine::Undelivered& leases) {
  for (const engine::Undelivered::Held& held : leases.leases) to_be_taken_back_.insert(held.token);
}

void Server::demand_taken_back() const {
  for (const auto& [id, task] : model_.state().tasks) {
    const bool held = task->state == TaskState::running && to_be_taken_back_.contains(task->token);
    if (held) violate("task " + id.text() + " stays leased to nobody");
  }
}

void Server::fail_all(const Error&) { clients_.all_failed(); }

// --- checks --------------------------------------------------------------------------------------

void Server::check_everything() {
  const std::string wrong = engine::testing::violations(*store_);
  if (!wrong.empty()) violate("in the store: " + wrong);
  const std::string miscounted = figures_check_.violations(*figures_, *store_);
  if (!miscounted.empty()) violate(miscounted);
  const After after(*store_, {});
  std::size_t count = 0;
  const Result<void> scanned =
      store_->scan(storage::Table::tasks, {}, [&](std::string_view key, std::string_view) {
        const TaskId id = storage::keys::task_id_of(key);
        model_.check_task(*after.task(id), engine::Detail::whole);
        ++count;
        return true;
      });
  demand(scanned.has_value(), "the tasks cannot be read");
  demand(count == model_.state().tasks.size(), "the store has lost a task");
}

void Server::mix(std::string_view bytes) {
  for (const char c : bytes) hash_ = (hash_ ^ static_cast<std::uint8_t>(c)) * 0x100000001b3ull;
}

void Server::mix(std::uint64_t number) { hash_ = (hash_ ^ number) * 0x100000001b3ull; }

void Server::mix(const server::Committer::Group& group) {
  for (const storage::Batch::Write& write : group.batch.writes) {
    mix(static_cast<std::uint64_t>(write.table));
    mix(write.key);
    if (write.value) mix(*write.value);
  }
  for (const engine::Reply& reply : group.replies) {
    mix(reply.ticket);
    mix(reply.outcome.index());
  }
}

}  // namespace quern::sim
