// Audits beside the server's work: what they answer, and that they end when they must. An endless
// store keeps one going until the test has seen it.
#include "http/audits.h"

#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "quern/storage/keys.h"
#include "quern/storage/memory_store.h"
#include "quern/storage/records.pb.h"
#include "support/http_client.h"

using namespace quern;
using engine::AuditReport;
using storage::MemoryStore;
using storage::Table;

namespace {

// What an audit of a store is, when its first scan never ends by itself; the rest is as in `base`.
class EndlessStore final : public storage::Store {
 public:
  Result<bool> get(Table table, std::string_view key, std::string& value) const override {
    return base.get(table, key, value);
  }
  Result<void> scan(Table table, const storage::Range& range, const Visitor& visit) const override {
    if (endless) ++endless_scans;
    while (endless) {
      if (!visit(storage::keys::queue(1), "")) return {};
    }
    return base.scan(table, range, visit);
  }
  std::unique_ptr<storage::Reader> snapshot() const override {
    return std::make_unique<View>(*this);
  }
  Result<void> commit(const storage::Batch& batch) override { return base.commit(batch); }

  // Until so many scans that do not end have begun.
  void await_scans(int count) const {
    const auto deadline = test::Clock::now() + test::patience;
    while (endless_scans < count) {
      REQUIRE_MESSAGE(test::Clock::now() < deadline, "an audit does not begin");
      std::this_thread::yield();
    }
  }

  MemoryStore base;
  std::atomic<bool> endless{true};
  mutable std::atomic<int> endless_scans{0};

 private:
  class View final : public storage::Reader {
   public:
    explicit View(const EndlessStore& store) : store_(store) {}
    Result<bool> get(Table table, std::string_view key, std::string& value) const override {
      return store_.get(table, key, value);
    }
    Result<void> scan(Table table, const storage::Range& range,
                      const Visitor& visit) const override {
      return store_.scan(table, range, visit);
    }

   private:
    const EndlessStore& store_;
  };
};

// The commit loop as audits see it: somebody who lends the store, and wants it back.
class Lender final : public server::EnginePort {
 public:
  explicit Lender(std::shared_ptr<const storage::Store> store) : store_(std::move(store)) {}

  Result<void> submit(engine::Ticket, engine::Command&&) override { return {}; }
  void tell(engine::Command&&) override {}
  std::shared_ptr<const storage::Store> store() const override {
    const std::lock_guard lock(mutex_);
    return store_;
  }
  server::Health health() const override { return {}; }

  // Returns when nobody has it any more.
  void take_back() {
    std::weak_ptr<const storage::Store> lent;
    {
      const std::lock_guard lock(mutex_);
      lent = std::exchange(store_, nullptr);
    }
    const auto deadline = test::Clock::now() + test::patience;
    while (!lent.expired()) {
      REQUIRE_MESSAGE(test::Clock::now() < deadline, "an audit keeps the store");
      std::this_thread::yield();
    }
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const storage::Store> store_;
};

class Outcomes {
 public:
  http::Audits::Deliver sink() {
    return [this](std::vector<engine::Reply>&& replies) {
      const std::lock_guard lock(mutex_);
      for (engine::Reply& reply : replies) replies_.push_back(std::move(reply));
      changed_.notify_all();
    };
  }
  engine::Reply next() {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, test::patience, [this] { return !replies_.empty(); }));
    engine::Reply reply = std::move(replies_.front());
    replies_.pop_front();
    return reply;
  }
  AuditReport next_report(engine::Ticket ticket) {
    engine::Reply reply = next();
    CHECK(reply.ticket == ticket);
    REQUIRE(std::holds_alternative<AuditReport>(reply.outcome));
    return std::get<AuditReport>(std::move(reply.outcome));
  }
  ErrorCode next_error(engine::Ticket ticket) {
    engine::Reply reply = next();
    CHECK(reply.ticket == ticket);
    REQUIRE(std::holds_alternative<Error>(reply.outcome));
    return std::get<Error>(reply.outcome).code;
  }
  bool empty() const {
    const std::lock_guard lock(mutex_);
    return replies_.empty();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<engine::Reply> replies_;
};

void put_queue_without_name(storage::Store& store) {
  record::QueueRecord queue;
  queue.set_name("q");
  REQUIRE(store
              .commit({.writes = {{.table = Table::queues,
                                   .key = storage::keys::queue(1),
                                   .value = queue.SerializeAsString()}}})
              .has_value());
}

struct Endless {
  std::shared_ptr<EndlessStore> store = std::make_shared<EndlessStore>();
  Lender lender{store};
  Outcomes outcomes;
  http::Audits audits{lender, outcomes.sink()};

  // Only the lender has it from now on, and the audits while they look.
  void lend() { store.reset(); }
};

}  // namespace

TEST_CASE("a sound store is called sound, and what was spoilt is shown") {
  const auto store = std::make_shared<MemoryStore>();
  Lender lender(store);
  Outcomes outcomes;
  http::Audits audits(lender, outcomes.sink());
  audits.begin(1);
  CHECK(outcomes.next_report(1).sound());
  put_queue_without_name(*store);
  audits.begin(2);
  const AuditReport report = outcomes.next_report(2);
  CHECK(report.queue_count == 1);
  CHECK(report.finding_count > 0);
  CHECK(report.mendable_count == report.finding_count);
}

TEST_CASE("a report is never older than its request") {
  Endless run;
  run.audits.begin(1);
  run.store->await_scans(1);
  // The audit that runs began before this, so it may not answer the second request.
  put_queue_without_name(*run.store);
  run.audits.begin(2);
  run.audits.begin(3);
  run.store->endless = false;
  CHECK(run.outcomes.next().ticket == 1);
  CHECK(run.outcomes.next_report(2).queue_count == 1);
  CHECK(run.outcomes.next_report(3).queue_count == 1);
}

TEST_CASE("a stop ends the audit that runs, those that wait, and those that come") {
  Endless run;
  run.audits.begin(1);
  run.store->await_scans(1);
  run.audits.stop();
  CHECK(run.outcomes.next_error(1) == ErrorCode::draining);
  run.audits.begin(2);
  CHECK(run.outcomes.next_error(2) == ErrorCode::draining);
}

TEST_CASE("a recovery gets the store back from an audit, which says so") {
  Endless run;
  run.audits.begin(1);
  run.store->await_scans(1);
  run.lend();
  run.lender.take_back();
  CHECK(run.outcomes.next_error(1) == ErrorCode::recovering);
  run.audits.begin(2);
  CHECK(run.outcomes.next_error(2) == ErrorCode::recovering);
}

TEST_CASE("an audit that nobody waits for any more is given up") {
  Endless run;
  run.audits.begin(1);
  run.store->await_scans(1);
  run.audits.begin(2);
  run.audits.begin(3);
  run.audits.abandon(2);
  run.audits.abandon(1);
  // The next one begins, though the first would have gone on for ever.
  run.store->await_scans(2);
  run.store->endless = false;
  CHECK(run.outcomes.next().ticket == 3);
  CHECK(run.outcomes.empty());
}

TEST_CASE("a store that cannot be read is an error, not a finding") {
  const auto store = std::make_shared<MemoryStore>();
  store->fail_reads(true);
  Lender lender(store);
  Outcomes outcomes;
  http::Audits audits(lender, outcomes.sink());
  audits.begin(1);
  CHECK(outcomes.next_error(1) == ErrorCode::store_unavailable);
}
