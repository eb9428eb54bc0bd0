#include "commit_loop.h"

#include <pthread.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "command_room.h"
#include "log.h"

namespace quern::server {
namespace {

constexpr Duration wait_max{1'000};

Error recovering() {
  return Error{.code = ErrorCode::recovering,
               .detail = "the server is recovering from a storage failure; repeat in a moment",
               .retry_after_seconds = 1};
}

Error outcome_unknown(const Error& cause) {
  return Error{.code = ErrorCode::store_unavailable,
               .detail =
                   "the storage failed and the outcome is unknown: repeat with the same "
                   "idempotency key or token (" +
                   cause.detail + ")",
               .retry_after_seconds = 1};
}

// Leases that nobody will hear of, as the command that takes them back.
engine::Undelivered swallowed_leases(const std::vector<engine::Reply>& replies) {
  engine::Undelivered undelivered;
  for (const engine::Reply& reply : replies) {
    const auto* leased = std::get_if<engine::Leased>(&reply.outcome);
    if (leased == nullptr) continue;
    for (const engine::TaskView& task : leased->tasks) {
      undelivered.leases.push_back({task.id, task.status.lease().token()});
    }
  }
  return undelivered;
}

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
    : options_(options), open_store_(std::move(open_store)), random_(random), clock_(clock) {}

CommitLoop::~CommitLoop() {
  if (thread_.joinable()) stop();
  if (owned_store_) close();
}

Result<void> CommitLoop::open() {
  Result<std::unique_ptr<storage::Store>> store = open_store_();
  if (!store) return std::move(store).error();
  Result<std::unique_ptr<engine::Engine>> engine =
      engine::Engine::recover(**store, random_, options_.engine, clock_.now());
  if (!engine) return std::move(engine).error();
  owned_store_ = *std::move(store);
  engine_ = *std::move(engine);

  const std::lock_guard lock(mutex_);
  gate_ = std::make_shared<StoreGate>();
  shared_store_ = std::shared_ptr<const storage::Store>(
      owned_store_.get(), [gate = gate_](const storage::Store*) { gate->open(); });
  trouble_.clear();
  // A new engine does not know that the server is draining.
  if (draining_) queue_.insert(queue_.begin(), Queued{0, engine::Drain{}});
  return {};
}

void CommitLoop::start(ReplySink& sink) {
  assert(engine_ && !thread_.joinable());
  sink_ = &sink;
  thread_ = std::thread([this] { run(); });
}

void CommitLoop::drain() {
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
  }
  tell(engine::Drain{});
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
  if (!trouble_.empty()) return recovering();
  const std::size_t room = room_for(command, options_.commands_max);
  if (queue_.size() >= room) {
    return Error{.code = ErrorCode::overloaded,
                 .detail = std::to_string(room) +
                           " requests wait for the storage already; repeat in a moment",
                 .retry_after_seconds = 1};
  }
  queue_.push_back({ticket, std::move(command)});
  const bool wakes = sleeping_;
  lock.unlock();
  if (wakes) work_.notify_one();
  return {};
}

void CommitLoop::tell(engine::Command&& command) {
  const std::lock_guard lock(mutex_);
  queue_.push_back({0, std::move(command)});
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
  if (!trouble_.empty()) return {.readiness = Readiness::recovering, .reason = trouble_};
  if (draining_) return {.readiness = Readiness::draining, .reason = "the server is stopping"};
  return {.readiness = Readiness::ready, .reason = {}};
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
  if (!engine_) return false;
  if (taken_next_ < taken_.size()) return true;
  taken_.clear();
  taken_next_ = 0;
  const std::optional<engine::Steady> due = engine_->next_deadline();

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
  taken_.swap(queue_);
  return !taken_.empty() || !stopping_;
}

Result<void> CommitLoop::run_group() {
  const engine::Now now = clock_.now();
  const std::size_t end = std::min(taken_.size(), taken_next_ + options_.group_commands_max);
  while (taken_next_ < end && engine_->staged_bytes() < options_.group_bytes_max) {
    Queued& queued = taken_[taken_next_++];
    // Until it is on disk: nobody else would say it again.
    if (const auto* taken_back = std::get_if<engine::Undelivered>(&queued.command)) {
      to_tell_.emplace_back(*taken_back);
    }
    engine_->apply(queued.ticket, std::move(queued.command), now);
  }
  engine_->tick(now);
  if (engine_->failure()) return *engine_->failure();

  const storage::Batch batch = engine_->take_batch();
  std::vector<engine::Reply> replies = engine_->take_replies();
  if (!batch.writes.empty()) {
    if (Result<void> committed = owned_store_->commit(batch); !committed) {
      to_tell_.emplace_back(swallowed_leases(replies));
      return committed;
    }
  }
  to_tell_.clear();
  if (!replies.empty()) sink_->deliver(std::move(replies));
  return {};
}

void CommitLoop::recover(const Error& error) {
  log::error("storage failed: recovering from disk",
             {{"code", std::string(to_string(error.code))}, {"detail", error.detail}});
  {
    const std::lock_guard lock(mutex_);
    trouble_ = "recovering from a storage failure: " + error.detail;
    // What nobody waits for is kept: it takes leases back.
    std::erase_if(queue_, [](const Queued& queued) { return queued.ticket != 0; });
  }
  for (; taken_next_ < taken_.size(); ++taken_next_) {
    Queued& queued = taken_[taken_next_];
    if (queued.ticket == 0) to_tell_.push_back(std::move(queued.command));
  }
  taken_.clear();
  taken_next_ = 0;
  sink_->fail_all(outcome_unknown(error));
  close();
  if (!retry_open()) return;
  for (engine::Command& command : to_tell_) tell(std::move(command));
  to_tell_.clear();
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
    trouble_ = "recovering from a storage failure: " + opened.error().detail;
    work_.wait_for(lock, pause, [this] { return stopping_; });
    if (stopping_) return false;
    pause = std::min(pause * 2, options_.retry_max);
  }
}

// Drops the engine and, once no reader holds it, the store.
void CommitLoop::close() {
  engine_.reset();
  std::shared_ptr<StoreGate> gate;
  {
    const std::lock_guard lock(mutex_);
    shared_store_.reset();
    gate = std::move(gate_);
  }
  if (gate) gate->await();
  owned_store_.reset();
}

}  // namespace quern::server
