#include "commit_loop.h"

#include <pthread.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "log.h"

namespace quern::server {
namespace {

constexpr Duration wait_max{1'000};

}  // namespace

// Opens when the last reader has given its handle back.
class CommitLoop::StoreGate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void await() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

CommitLoop::CommitLoop(const Options& options, OpenStore open_store, engine::Random& random,
                       Clock& clock)
    : options_(options),
      open_store_(std::move(open_store)),
      clock_(clock),
      committer_({.engine = options.engine,
                  .group_commands_max = options.group_commands_max,
                  .group_bytes_max = options.group_bytes_max},
                 random),
      queue_(options.commands_max) {}

CommitLoop::~CommitLoop() {
  if (thread_.joinable()) stop();
  close();
}

Result<void> CommitLoop::open() {
  Result<std::unique_ptr<storage::Store>> store = open_store_();
  if (!store) return std::move(store).error();
  if (Result<void> opened = committer_.open(*std::move(store), clock_.now()); !opened)
    return opened;

  const std::lock_guard lock(mutex_);
  gate_ = std::make_shared<StoreGate>();
  shared_store_ = std::shared_ptr<const storage::Store>(
      committer_.store(), [gate = gate_](const storage::Store*) { gate->open(); });
  queue_.open();
  return {};
}

void CommitLoop::start(ReplySink& sink) {
  assert(committer_.is_open() && !thread_.joinable());
  sink_ = &sink;
  thread_ = std::thread([this] { run(); });
}

void CommitLoop::drain() {
  const std::lock_guard lock(mutex_);
  queue_.drain();
  if (sleeping_) work_.notify_one();
}

void CommitLoop::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    work_.notify_one();
  }
  thread_.join();
}

// --- any thread ---------------------------------------------------------------------------------

Result<void> CommitLoop::submit(engine::Ticket ticket, engine::Command&& command) {
  std::unique_lock lock(mutex_);
  if (Result<void> queued = queue_.submit(ticket, std::move(command)); !queued) return queued;
  const bool wakes = sleeping_;
  lock.unlock();
  if (wakes) work_.notify_one();
  return {};
}

void CommitLoop::tell(engine::Command&& command) {
  const std::lock_guard lock(mutex_);
  queue_.tell(std::move(command));
  if (sleeping_) work_.notify_one();
}

void CommitLoop::wake() {
  const std::lock_guard lock(mutex_);
  woken_ = true;
  work_.notify_one();
}

std::shared_ptr<const storage::Store> CommitLoop::store() const {
  const std::lock_guard lock(mutex_);
  return shared_store_;
}

Health CommitLoop::health() const {
  const std::lock_guard lock(mutex_);
  if (const std::string& reason = queue_.closed_because(); !reason.empty()) {
    return {.readiness = Readiness::recovering, .reason = reason};
  }
  if (queue_.draining()) {
    return {.readiness = Readiness::draining,
            .reason = queue_.stopping()
                          ? "the server is stopping"
                          : "the server was told to drain: it takes no tasks and gives out no "
                            "leases until DELETE /admin/drain, or until it is started anew"};
  }
  return {.readiness = Readiness::ready, .reason = {}};
}

std::size_t CommitLoop::commands_waiting() const {
  const std::lock_guard lock(mutex_);
  return queue_.waiting().size();
}

// --- the engine's thread ------------------------------------------------------------------------

void CommitLoop::run() {
  pthread_setname_np(pthread_self(), "engine");
  while (await_work()) {
    if (Result<void> done = run_group(); !done) recover(done.error());
  }
  close();
}

bool CommitLoop::await_work() {
  // Only when it was stopped while it could not recover.
  if (!committer_.is_open()) return false;
  if (committer_.has_commands()) return true;
  const std::optional<engine::Steady> due = committer_.next_deadline();

  std::unique_lock lock(mutex_);
  const auto has_work = [this] { return !queue_.empty() || stopping_ || woken_; };
  sleeping_ = true;
  if (!due) {
    work_.wait(lock, has_work);
  } else if (const engine::Steady rest = *due - clock_.now().steady; rest > engine::Steady{0}) {
    // Much of what falls due does so by the wall clock, which may be set forward meanwhile.
    work_.wait_for(lock, std::min<engine::Steady>(rest, wait_max), has_work);
  }
  sleeping_ = false;
  woken_ = false;
  committer_.take(queue_);
  return committer_.has_commands() || !stopping_;
}

Result<void> CommitLoop::run_group() {
  Result<Committer::Group> group = committer_.apply(clock_.now());
  if (!group) return std::move(group).error();
  if (options_.figures != nullptr && !group->batch.writes.empty()) {
    options_.figures->commands.add(group->command_count);
  }
  return committer_.commit(*std::move(group), *sink_);
}

void CommitLoop::recover(const Error& error) {
  log::error("storage failed: recovering from disk",
             {{"code", std::string(to_string(error.code))}, {"detail", error.detail}});
  if (options_.figures != nullptr) options_.figures->failures += 1;
  {
    const std::lock_guard lock(mutex_);
    queue_.close("recovering from a storage failure: " + error.detail);
  }
  committer_.end_engine();
  sink_->fail_all(outcome_unknown(error));
  close();
  if (!retry_open()) return;
  for (engine::Command& command : committer_.take_unheard()) tell(std::move(command));
  log::info("recovered");
}

// Until it works. False: the loop is to stop instead.
bool CommitLoop::retry_open() {
  Millis pause = options_.retry_first;
  for (;;) {
    Result<void> opened = open();
    if (opened) return true;
    log::error("recovery failed", {{"code", std::string(to_string(opened.error().code))},
                                   {"detail", opened.error().detail},
                                   {"retry_ms", std::to_string(pause.count())}});
    std::unique_lock lock(mutex_);
    queue_.close("recovering from a storage failure: " + opened.error().detail);
    work_.wait_for(lock, pause, [this] { return stopping_; });
    if (stopping_) return false;
    pause = std::min(pause * 2, options_.retry_max);
  }
}

// Drops the engine and, once no reader holds it, the store.
void CommitLoop::close() {
  committer_.end_engine();
  std::shared_ptr<StoreGate> gate;
  {
    const std::lock_guard lock(mutex_);
    shared_store_.reset();
    gate = std::move(gate_);
  }
  if (gate) gate->await();
  committer_.close();
}

}  // namespace quern::server
