#include "engine/engine.h"

#include <utility>

#include "engine/commands.h"
#include "engine/core.h"
#include "engine/due.h"

namespace quern::engine {

namespace {

// A queue has up to ten lanes, of each of which the head may have to be read.
constexpr std::size_t heads_per_tick_max = 64;

void dispatch(Core& core, Ticket ticket, Submit&& c) { submit(core, ticket, std::move(c)); }
void dispatch(Core& core, Ticket ticket, SettleOne&& c) { settle_one(core, ticket, std::move(c)); }
void dispatch(Core& core, Ticket ticket, Settle&& c) {
  core.reply(ticket, SettledMany{settle_all(core, std::move(c.items), c.scope)});
}
void dispatch(Core& core, Ticket ticket, Lease&& c) { lease(core, ticket, std::move(c)); }
void dispatch(Core& core, Ticket, Abandon&& c) { core.waiters.remove(c.ticket); }
void dispatch(Core& core, Ticket, Undelivered&& c) { take_back_undelivered(core, c); }
void dispatch(Core& core, Ticket ticket, WaitTask&& c) { wait_task(core, ticket, c); }
void dispatch(Core& core, Ticket ticket, CancelTask&& c) { cancel_task(core, ticket, c); }
void dispatch(Core& core, Ticket ticket, RedriveTask&& c) { redrive_task(core, ticket, c); }
void dispatch(Core& core, Ticket ticket, PutQueue&& c) { put_queue(core, ticket, c); }
void dispatch(Core& core, Ticket ticket, PatchQueue&& c) { patch_queue(core, ticket, c); }
void dispatch(Core& core, Ticket ticket, PauseQueue&& c) { pause_queue(core, ticket, c); }
void dispatch(Core& core, Ticket ticket, DeleteQueue&& c) { delete_queue(core, ticket, c); }
void dispatch(Core& core, Ticket ticket, GetQueue&& c) { get_queue(core, ticket, c); }
void dispatch(Core& core, Ticket ticket, ListQueues&& c) { list_queues(core, ticket, c); }
void dispatch(Core& core, Ticket ticket, PurgeQueue&& c) {
  purge_queue(core, ticket, std::move(c));
}
void dispatch(Core& core, Ticket ticket, RedriveDead&& c) {
  redrive_dead(core, ticket, std::move(c));
}
void dispatch(Core& core, Ticket ticket, DiscardDead&& c) {
  discard_dead(core, ticket, std::move(c));
}
void dispatch(Core& core, Ticket ticket, Drain&& c) { drain(core, ticket, c); }
void dispatch(Core& core, Ticket ticket, EndDrain&&) { end_drain(core, ticket); }
void dispatch(Core& core, Ticket ticket, BackupCall&&) {
  core.reply(ticket, Error{.code = ErrorCode::no_backup_directory,
                           .detail = "this server was started without backup_directory: there is "
                                     "nowhere to keep a backup"});
}
void dispatch(Core& core, Ticket, ReadOnly&& c) { core.read_only = std::move(c.reason); }

// A failed read ends the engine: memory may be ahead of what a reader of the store could ever see.
template <typename Work>
void guarded(Core& core, Work&& work) {
  if (core.failure) return;
  try {
    work();
  } catch (StoreFailure& failure) {
    core.failure = std::move(failure.error);
  }
}

}  // namespace

Engine::Engine(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::recover(const storage::Reader& store, Random& random,
                                                const Options& options, Now now) {
  try {
    auto core = std::make_unique<Core>(store, random, options);
    core->now = now;
    core->recover();
    return std::unique_ptr<Engine>(new Engine(std::move(core)));
  } catch (StoreFailure& failure) {
    return std::move(failure.error);
  }
}

void Engine::apply(Ticket ticket, Command&& command, Now now) {
  guarded(*core_, [&] {
    core_->now = now;
    std::visit([&](auto&& c) { dispatch(*core_, ticket, std::forward<decltype(c)>(c)); },
               std::move(command));
    serve_waiters(*core_);
  });
}

void Engine::tick(Now now) {
  guarded(*core_, [&] {
    Core& core = *core_;
    core.now = now;
    core.begin_tick();
    const std::size_t tasks_max = core.options.tick_tasks_max;
    end_leases(core, tasks_max);
    fire_timers(core, tasks_max);
    sweep_finished(core, tasks_max);
    if (!core.jobs.empty()) {
      // In turn, so that a long one does not hold up a short one.
      std::unique_ptr<Job> job = std::move(core.jobs.front());
      core.jobs.pop_front();
      if (!job->step(core, core.options.job_tasks_max)) core.jobs.push_back(std::move(job));
    }
    serve_waiters(core);
    serve_drains(core);
    end_waits(core, tasks_max);
    core.find_oldest_ready(heads_per_tick_max);
  });
}

storage::Batch Engine::take_batch() {
  core_->stage_commit();
  return core_->records.staged().take();
}

std::vector<Reply> Engine::take_replies() {
  core_->reply_bytes = 0;
  return std::exchange(core_->replies, {});
}

void Engine::publish_figures() { core_->publish_figures(); }

std::optional<Steady> Engine::next_deadline() const { return core_->next_deadline(); }

std::size_t Engine::staged_bytes() const {
  return core_->records.staged().byte_count() + core_->reply_bytes;
}

const std::optional<Error>& Engine::failure() const { return core_->failure; }

}  // namespace quern::engine
