#include "http/audits.h"

#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "engine/audit.h"

namespace quern::http {
namespace {

Error recovering() {
  return {.code = ErrorCode::recovering,
          .detail = "the server is recovering; repeat the request in a moment"};
}

Error draining() { return {.code = ErrorCode::draining, .detail = "the server is stopping"}; }

// Linux has a priority for each thread: nothing that clients wait for should wait for an audit.
void give_way() {
  constexpr int niceness = 10;
  ::pthread_setname_np(::pthread_self(), "audit");
  ::setpriority(PRIO_PROCESS, 0, niceness);
}

}  // namespace

// Reads until there is a reason not to: a recovery and a stop wait for the store to be given back.
class Audits::Interruptible final : public storage::Reader {
 public:
  Interruptible(const storage::Reader& base, const Audits& audits) : base_(base), audits_(audits) {}

  Result<bool> get(storage::Table table, std::string_view key, std::string& value) const override {
    if (const auto error = look()) return *error;
    return base_.get(table, key, value);
  }

  Result<void> scan(storage::Table table, const storage::Range& range,
                    const Visitor& visit) const override {
    std::optional<Error> error;
    Result<void> scanned =
        base_.scan(table, range, [&](std::string_view key, std::string_view value) {
          error = look();
          return !error && visit(key, value);
        });
    if (error) return *error;
    return scanned;
  }

 private:
  std::optional<Error> look() const {
    constexpr std::uint64_t reads_between = 256;  // about a millisecond
    if (++reads_ % reads_between != 0) return std::nullopt;
    return audits_.interruption();
  }

  const storage::Reader& base_;
  const Audits& audits_;
  mutable std::uint64_t reads_ = 0;
};

Audits::Audits(const server::EnginePort& engine, Deliver deliver)
    : engine_(engine), deliver_(std::move(deliver)) {}

Audits::~Audits() { stop(); }

void Audits::begin(engine::Ticket ticket) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      waiting_.push_back(ticket);
      if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
      changed_.notify_one();
      return;
    }
  }
  deliver_({{.ticket = ticket, .outcome = draining()}});
}

void Audits::abandon(engine::Ticket ticket) {
  const std::lock_guard lock(mutex_);
  std::erase(waiting_, ticket);
  std::erase(answered_, ticket);
}

void Audits::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void Audits::run() {
  give_way();
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return !waiting_.empty() || stopping_; });
      if (waiting_.empty()) return;
      answered_ = std::exchange(waiting_, {});
    }
    answer(audit());
  }
}

engine::Outcome Audits::audit() const {
  // Given back in this order: first the snapshot, then the store.
  const std::shared_ptr<const storage::Store> store = engine_.store();
  if (!store) return recovering();
  if (const auto error = interruption()) return *error;
  const std::unique_ptr<storage::Reader> snapshot = store->snapshot();
  Result<engine::AuditReport> report = engine::audit(Interruptible(*snapshot, *this));
  if (report) return *std::move(report);
  if (report.error().code != ErrorCode::store_corrupt) return std::move(report).error();
  return engine::AuditReport{.finding_count = 1, .findings = {{report.error().detail, false}}};
}

std::optional<Error> Audits::interruption() const {
  {
    const std::lock_guard lock(mutex_);
    // With nobody left the outcome reaches nobody, so any will do.
    if (stopping_ || answered_.empty()) return draining();
  }
  if (!engine_.store()) return recovering();
  return std::nullopt;
}

void Audits::answer(engine::Outcome outcome) {
  std::vector<engine::Reply> replies;
  {
    const std::lock_guard lock(mutex_);
    for (const engine::Ticket ticket : std::exchange(answered_, {})) {
      replies.push_back({.ticket = ticket, .outcome = outcome});
    }
  }
  if (!replies.empty()) deliver_(std::move(replies));
}

}  // namespace quern::http
