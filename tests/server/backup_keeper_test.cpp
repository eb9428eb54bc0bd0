// When backups are made, and what is said to who asks for one.

#include "backup_keeper.h"

#include <doctest/doctest.h>

#include <atomic>
#include <fstream>
#include <latch>
#include <optional>

#include "quern/storage/rocks_store.h"
#include "stage.h"
#include "support/eventually.h"
#include "support/temp_dir.h"

namespace quern::test {
namespace {

using server::BackupKeeper;
using server::BackupSchedule;
using Verb = engine::BackupCall::Verb;

constexpr Timestamp noon{1'800'000'000'000};
constexpr Duration hour{3'600'000};
constexpr Duration minute{60'000};

TEST_CASE("a backup is due an interval after the newest, and at once when there is none") {
  struct Row {
    const char* what;
    Duration interval;
    std::optional<Timestamp> newest;
    std::optional<Timestamp> failed_at;
    std::optional<Timestamp> due;
  };
  for (const Row& row : {
           Row{"no schedule", Duration{0}, {}, {}, {}},
           Row{"there is none", hour, {}, {}, noon},
           Row{"the newest is young", hour, noon - minute, {}, noon - minute + hour},
           Row{"the newest is old", hour, noon - 2 * hour, {}, noon - hour},
           Row{"it just failed", hour, noon - 2 * hour, noon, noon + minute},
           Row{"it failed a while ago", hour, noon - 2 * hour, noon - 2 * minute, noon - minute},
           Row{"it failed, and is made often", Duration{5'000}, {}, noon, noon + Duration{5'000}},
           Row{"the clock was set back", hour, noon + 5 * hour, {}, noon},
           Row{"and it had failed before", hour, {}, noon + 5 * hour, noon},
       }) {
    CAPTURE(row.what);
    CHECK(BackupSchedule{row.interval}.next(row.newest, row.failed_at, noon) == row.due);
  }
}

// What stands behind the keeper: a real store, and an engine that only says that it was asked.
class EchoEngine final : public server::EnginePort {
 public:
  Result<void> submit(engine::Ticket, engine::Command&&) override {
    return Error{.code = ErrorCode::overloaded, .detail = "the engine was asked"};
  }
  void tell(engine::Command&&) override {}
  std::shared_ptr<const storage::Store> store() const override { return nullptr; }
  server::Health health() const override { return {}; }
};

class Site {
 public:
  explicit Site(Duration interval = Duration{0}) {
    store_ = *storage::open_rocks_store(
        {.directory = folder_.path() / "data", .backup_source = source_});
    auto opened = BackupKeeper::open({.writer = {.directory = backups()},
                                      .schedule = {.interval = interval},
                                      .keep = 3,
                                      .look_every = std::chrono::milliseconds(1),
                                      .now = [this] { return now(); }},
                                     source_);
    REQUIRE(opened.has_value());
    keeper = *std::move(opened);
    keeper->start(engine_, inbox);
  }

  std::filesystem::path backups() const { return folder_.path() / "backups"; }

  engine::Outcome call(const engine::BackupCall& call) {
    const engine::Ticket ticket = ++last_ticket;
    Result<void> queued = keeper->submit(ticket, call);
    return queued ? inbox.await(ticket) : engine::Outcome(queued.error());
  }
  std::size_t count() {
    return std::get<engine::BackupAnswer>(call({.verb = Verb::list})).backups.size();
  }
  ErrorCode refusal(const engine::BackupCall& asked) {
    const engine::Outcome outcome = call(asked);
    REQUIRE(std::holds_alternative<Error>(outcome));
    return std::get<Error>(outcome).code;
  }
  void await_count(std::size_t count_wanted) {
    eventually(
        "so many backups", [&] { return count(); },
        [&](std::size_t seen) { return seen == count_wanted; });
  }

  Inbox inbox;
  engine::Ticket last_ticket = 0;
  std::atomic<std::int64_t> now_ms{noon.ms};
  // While it is set, whoever looks at the clock waits for it: the keeper, in the middle of a job.
  std::atomic<std::latch*> held{nullptr};
  std::atomic<int> looks{0};
  std::unique_ptr<BackupKeeper> keeper;

 private:
  Timestamp now() {
    if (std::latch* latch = held) latch->wait();
    ++looks;
    return Timestamp{now_ms};
  }

  TempDir folder_;
  std::shared_ptr<storage::BackupSource> source_ = storage::make_backup_source();
  std::unique_ptr<storage::Store> store_;
  EchoEngine engine_;
};

TEST_CASE("a second backup is refused while one is under way, and lists are answered") {
  Site site;
  std::latch latch(1);
  site.held = &latch;
  const engine::Ticket first = ++site.last_ticket;
  REQUIRE(site.keeper->submit(first, engine::BackupCall{.verb = Verb::create}).has_value());
  CHECK(site.refusal({.verb = Verb::create}) == ErrorCode::backup_running);
  CHECK(site.refusal({.verb = Verb::verify, .id = 1}) == ErrorCode::backup_running);
  CHECK(site.count() == 0);
  latch.count_down();
  CHECK(std::holds_alternative<engine::BackupAnswer>(site.inbox.await(first)));
  CHECK(site.count() == 1);
  CHECK(std::holds_alternative<engine::BackupAnswer>(site.call({.verb = Verb::create})));
  CHECK(site.count() == 2);
  site.held = nullptr;
}

TEST_CASE("backups follow the schedule, also one that is overdue when the server starts") {
  Site site(hour);
  site.await_count(1);
  site.now_ms = (noon + hour).ms;
  site.await_count(2);
  site.now_ms = (noon + 2 * hour).ms;
  site.await_count(3);
  site.now_ms = (noon + 3 * hour).ms;
  // Only three are kept.
  eventually(
      "the fourth took the first one's place",
      [&] {
        return std::get<engine::BackupAnswer>(site.call({.verb = Verb::list})).backups.back().id;
      },
      [](std::uint32_t oldest) { return oldest == 2; });
}

TEST_CASE("a backup that failed is made a minute later") {
  Site site(hour);
  site.await_count(1);
  // A folder that a file stands in the way of.
  std::filesystem::rename(site.backups() / "private", site.backups() / "aside");
  std::ofstream(site.backups() / "private") << "in the way";
  CHECK(site.refusal({.verb = Verb::create}) == ErrorCode::backup_failed);
  site.now_ms = (noon + hour).ms;
  CHECK(site.keeper->status().failed_at == noon);
  eventually(
      "the schedule's has failed, too",
      [&] { return site.keeper->status().failed_at.value_or(noon).ms; },
      [](std::int64_t at) { return at == (noon + hour).ms; });
  std::filesystem::remove(site.backups() / "private");
  std::filesystem::rename(site.backups() / "aside", site.backups() / "private");
  site.now_ms = (noon + hour + minute - Duration{1}).ms;
  const int looks = site.looks;
  eventually(
      "it has looked at the clock twice", [&] { return site.looks.load(); },
      [&](int seen) { return seen >= looks + 2; });
  CHECK(site.count() == 1);
  site.now_ms = (noon + hour + minute).ms;
  site.await_count(2);
  CHECK(site.keeper->status().newest == noon + hour + minute);
  CHECK_FALSE(site.keeper->status().failed_at.has_value());
}

TEST_CASE("a keeper that stops begins nothing more") {
  Site site;
  site.keeper->end_soon();
  CHECK(site.refusal({.verb = Verb::create}) == ErrorCode::draining);
  CHECK(site.count() == 0);
}

TEST_CASE("everything but backups goes through to the engine") {
  Site site;
  CHECK(site.keeper->submit(1, engine::GetQueue{}).error().code == ErrorCode::overloaded);
}

}  // namespace
}  // namespace quern::test
