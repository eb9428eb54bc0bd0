#include "committer.h"

#include <algorithm>
#include <cassert>
#include <utility>
#include <variant>

namespace quern::server {
namespace {

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

Committer::Committer(const Options& options, engine::Random& random)
    : options_(options), random_(random) {}

Committer::~Committer() = default;

Result<void> Committer::open(std::unique_ptr<storage::Store> store, engine::Now now) {
  Result<std::unique_ptr<engine::Engine>> engine =
      engine::Engine::recover(*store, random_, options_.engine, now);
  if (!engine) return std::move(engine).error();
  store_ = std::move(store);
  engine_ = *std::move(engine);
  return {};
}

void Committer::take(CommandQueue& queue) {
  assert(!has_commands());
  taken_.clear();
  next_ = 0;
  queue.swap(taken_);
}

Result<Committer::Group> Committer::apply(engine::Now now) {
  const std::size_t begin = next_;
  const std::size_t end = std::min(taken_.size(), next_ + options_.group_commands_max);
  while (next_ < end && engine_->staged_bytes() < options_.group_bytes_max) {
    Queued& queued = taken_[next_++];
    // Until it is on disk: nobody else would say it again.
    if (const auto* taken_back = std::get_if<engine::Undelivered>(&queued.command)) {
      unheard_.emplace_back(*taken_back);
    }
    engine_->apply(queued.ticket, std::move(queued.command), now);
  }
  engine_->tick(now);
  if (engine_->failure()) return *engine_->failure();
  return Group{engine_->take_batch(), engine_->take_replies(), next_ - begin};
}

Result<void> Committer::commit(Group&& group, ReplySink& sink) {
  if (!group.batch.writes.empty()) {
    if (Result<void> committed = store_->commit(group.batch); !committed) {
      engine::Undelivered swallowed = swallowed_leases(group.replies);
      if (!swallowed.leases.empty()) unheard_.emplace_back(std::move(swallowed));
      return committed;
    }
  }
  unheard_.clear();
  // Before the replies: whoever has one finds what it says in the figures.
  engine_->publish_figures();
  if (!group.replies.empty()) sink.deliver(std::move(group.replies));
  return {};
}

void Committer::end_engine() {
  for (; next_ < taken_.size(); ++next_) {
    Queued& queued = taken_[next_];
    if (queued.ticket == 0) unheard_.push_back(std::move(queued.command));
  }
  taken_.clear();
  next_ = 0;
  engine_.reset();
}

void Committer::close() {
  engine_.reset();
  store_.reset();
}

std::vector<engine::Command> Committer::take_unheard() { return std::exchange(unheard_, {}); }

Error outcome_unknown(const Error& cause) {
  return Error{.code = ErrorCode::store_unavailable,
               .detail =
                   "the storage failed and the outcome is unknown: repeat with the same "
                   "idempotency key or token (" +
                   cause.detail + ")",
               .retry_after_seconds = 1};
}

}  // namespace quern::server
