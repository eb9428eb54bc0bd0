#include "commit_loop.h"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <thread>

#include "engine/figures.h"
#include "stage.h"
#include "support/eventually.h"

using namespace quern;
using namespace quern::test;
using server::Readiness;
using storage::MemoryStore;

namespace {

ErrorCode code_of(const engine::Outcome& outcome) {
  REQUIRE(std::holds_alternative<Error>(outcome));
  return std::get<Error>(outcome).code;
}

std::size_t leased_count(const engine::Outcome& outcome) {
  REQUIRE(std::holds_alternative<engine::Leased>(outcome));
  return std::get<engine::Leased>(outcome).tasks.size();
}

}  // namespace

TEST_CASE("commands that came in together are committed together") {
  Stage stage;
  const std::uint64_t before = stage.store.load()->commit_count();
  std::vector<engine::Ticket> tickets(100);
  for (engine::Ticket& ticket : tickets) ticket = stage.submit(new_task("q"));
  stage.start();
  for (const engine::Ticket ticket : tickets) {
    CHECK(std::holds_alternative<engine::Submitted>(stage.inbox.await(ticket)));
  }
  CHECK(stage.store.load()->commit_count() == before + 1);
}

TEST_CASE("a group is bounded, and what is behind it follows") {
  Stage stage({.group_commands_max = 10});
  const std::uint64_t before = stage.store.load()->commit_count();
  engine::Ticket last = 0;
  for (int i = 0; i < 95; ++i) last = stage.submit(new_task("q"));
  stage.start();
  CHECK(std::holds_alternative<engine::Submitted>(stage.inbox.await(last)));
  CHECK(stage.store.load()->commit_count() == before + 10);
}

TEST_CASE("what changes nothing costs no commit") {
  Stage stage;
  stage.start();
  const std::uint64_t before = stage.store.load()->commit_count();
  CHECK(code_of(stage.call(engine::GetQueue{.name = "none"})) == ErrorCode::queue_not_found);
  CHECK(stage.store.load()->commit_count() == before);
}

TEST_CASE("the queue of commands is bounded") {
  Stage stage({.commands_max = 3});
  for (int i = 0; i < 3; ++i) stage.submit(new_task("q"));
  const Result<void> refused = stage.loop->submit(99, new_task("q"));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::overloaded);
  CHECK(refused.error().retry_after_seconds > 0);
  stage.loop->tell(engine::Abandon{.ticket = 1});  // never refused
}

TEST_CASE("when the queue of commands fills, submits are refused first, and settling goes on") {
  Stage stage({.commands_max = 8});
  for (int i = 0; i < 6; ++i) stage.submit(new_task("q"));
  CHECK(stage.loop->submit(99, new_task("q")).error().code == ErrorCode::overloaded);
  stage.submit(engine::SettleOne{});
  stage.submit(engine::Settle{});
  CHECK(stage.loop->submit(99, engine::Settle{}).error().code == ErrorCode::overloaded);
}

TEST_CASE("a parked call is answered when its time is over") {
  Stage stage;
  stage.start();
  const engine::Ticket ticket = stage.submit(lease_from("q", Duration{5'000}));
  // Answered behind it, so it is parked by now.
  CHECK(std::holds_alternative<engine::QueuePage>(stage.call(engine::ListQueues{})));
  stage.clock.advance(Duration{5'000});
  stage.loop->wake();
  CHECK(leased_count(stage.inbox.await(ticket)) == 0);
}

TEST_CASE("what falls due is done without anybody coming by") {
  server::HybridClock clock;
  SeededRandom random;
  Inbox inbox;
  const auto open_store = []() -> Result<std::unique_ptr<storage::Store>> {
    return std::unique_ptr<storage::Store>(std::make_unique<MemoryStore>());
  };
  server::CommitLoop loop({}, open_store, random, clock);
  REQUIRE(loop.open());
  loop.start(inbox);
  REQUIRE(loop.submit(1, lease_from("q", Duration{20})));
  CHECK(leased_count(inbox.await(1)) == 0);
}

TEST_CASE("when a commit fails, everyone who waits is told, and the server recovers from disk") {
  for (const auto fault : {MemoryStore::Fault::fail_unapplied, MemoryStore::Fault::fail_applied}) {
    CAPTURE(static_cast<int>(fault));
    Stage stage;
    stage.start();
    CHECK(std::holds_alternative<engine::Submitted>(stage.call(new_task("q", "kept"))));
    const engine::Ticket parked = stage.submit(lease_from("other", Duration{60'000}));
    stage.call(engine::ListQueues{});

    stage.store.load()->fail_next_commit(fault);
    const engine::Ticket failed = stage.submit(new_task("q", "unknown"));
    CHECK(code_of(stage.inbox.await(failed)) == ErrorCode::store_unavailable);
    stage.await_readiness(Readiness::ready);
    CHECK(stage.opens == 2);
    CHECK(stage.inbox.failures() == 1);  // the parked call with it
    static_cast<void>(parked);

    engine::Lease all = lease_from("q");
    all.tasks_max = 10;
    const std::size_t expected = fault == MemoryStore::Fault::fail_applied ? 2 : 1;
    CHECK(leased_count(stage.call(all)) == expected);
  }
}

TEST_CASE("while there is no store, calls are refused and the loop tries on") {
  Stage stage;
  stage.start();
  stage.opens_to_fail = 1'000'000'000;
  stage.store.load()->fail_next_commit(MemoryStore::Fault::fail_unapplied);
  stage.call(new_task("q"));
  eventually(
      "several attempts were made", [&] { return stage.opens.load(); },
      [](int seen) { return seen > 3; });
  CHECK(stage.loop->health().readiness == Readiness::recovering);
  CHECK(stage.loop->health().reason.find("the disk is away") != std::string::npos);
  CHECK(stage.loop->store() == nullptr);
  const Result<void> refused = stage.loop->submit(99, new_task("q"));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::recovering);

  stage.opens_to_fail = 0;
  stage.await_readiness(Readiness::ready);
  CHECK(std::holds_alternative<engine::Submitted>(stage.call(new_task("q"))));
}

TEST_CASE("a read that fails inside the engine leads to a recovery too") {
  Stage stage;
  stage.start();
  stage.call(new_task("q"));
  stage.store.load()->fail_reads(true);
  // A task that is not in memory has to be read.
  const TaskId unknown = *TaskId::parse("0198c0de-0000-7abc-8123-456789abcdef");
  CHECK(code_of(stage.call(engine::CancelTask{.id = unknown})) == ErrorCode::store_unavailable);
  stage.await_readiness(Readiness::ready);
  CHECK(leased_count(stage.call(lease_from("q"))) == 1);
}

TEST_CASE("a lease whose commit failed goes back, no attempt counted") {
  Stage stage;
  stage.start();
  stage.call(new_task("q"));
  // On the disk it is leased; its worker never hears of it.
  stage.store.load()->fail_next_commit(MemoryStore::Fault::fail_applied);
  CHECK(code_of(stage.call(lease_from("q"))) == ErrorCode::store_unavailable);
  stage.await_readiness(Readiness::ready);
  const engine::Outcome again = stage.call(lease_from("q", Duration{60'000}));
  REQUIRE(leased_count(again) == 1);
  CHECK(std::get<engine::Leased>(again).tasks[0].status.attempts() == 1);
}

TEST_CASE("a recovery waits for readers to give the store back") {
  Stage stage;
  stage.start();
  stage.call(new_task("q"));
  std::shared_ptr<const storage::Store> held = stage.loop->store();
  REQUIRE(held);
  stage.store.load()->fail_next_commit(MemoryStore::Fault::fail_unapplied);
  stage.call(new_task("q"));
  eventually(
      "the store is withdrawn", [&] { return stage.loop->store() == nullptr; },
      [](bool seen) { return seen; });
  CHECK(stage.opens == 1);
  held.reset();
  stage.await_readiness(Readiness::ready);
  CHECK(stage.opens == 2);
}

TEST_CASE("a drain refuses new tasks and answers who is parked, also across a recovery") {
  Stage stage;
  stage.start();
  const engine::Ticket parked = stage.submit(lease_from("q", Duration{60'000}));
  stage.loop->drain();
  CHECK(leased_count(stage.inbox.await(parked)) == 0);
  CHECK(code_of(stage.call(new_task("q"))) == ErrorCode::draining);
  CHECK(stage.loop->health().readiness == Readiness::draining);

  stage.store.load()->fail_next_commit(MemoryStore::Fault::fail_unapplied);
  stage.call(engine::PutQueue{.name = "q", .settings = {}});
  stage.await_readiness(Readiness::draining);
  CHECK(code_of(stage.call(new_task("q"))) == ErrorCode::draining);
}

TEST_CASE("stopping commits what was queued, and a restart finds it") {
  Stage stage;
  stage.start();
  const engine::Ticket ticket = stage.submit(new_task("q"));
  stage.loop->stop();
  CHECK(std::holds_alternative<engine::Submitted>(stage.inbox.await(ticket)));

  MemoryStore reopened(stage.disk, storage::Durability::fsync);
  auto engine = engine::Engine::recover(reopened, stage.random, {}, stage.clock.now());
  REQUIRE(engine);
  (*engine)->apply(1, lease_from("q"), stage.clock.now());
  CHECK(leased_count((*engine)->take_replies().at(0).outcome) == 1);
}

TEST_CASE("stopping ends even a recovery that never succeeds") {
  Stage stage;
  stage.start();
  stage.opens_to_fail = 1'000'000'000;
  stage.store.load()->fail_next_commit(MemoryStore::Fault::fail_unapplied);
  stage.call(new_task("q"));
  stage.loop->tell(engine::Abandon{.ticket = 1});
  stage.loop->stop();
}

TEST_CASE("figures show what is durable: not what a failed commit did, and that it failed") {
  engine::FiguresBoard board(10);
  server::CommitFigures commits;
  server::CommitLoop::Options options{.figures = &commits};
  options.engine.figures = &board;
  Stage stage(options);
  stage.start();
  const auto submitted = [&] { return board.queues().at(0).figures.tally.submitted; };
  CHECK(std::holds_alternative<engine::Submitted>(stage.call(new_task("q"))));
  CHECK(submitted() == 1);
  CHECK(commits.commands.counts[0] == 1);

  stage.store.load()->fail_next_commit(MemoryStore::Fault::fail_unapplied);
  CHECK(code_of(stage.call(new_task("q"))) == ErrorCode::store_unavailable);
  stage.await_readiness(Readiness::ready);
  CHECK(submitted() == 1);
  CHECK(commits.failures == 1);

  CHECK(std::holds_alternative<engine::Submitted>(stage.call(new_task("q"))));
  CHECK(submitted() == 2);
  CHECK(board.queues().at(0).figures.counts[static_cast<std::size_t>(TaskState::ready)] == 2);
}

TEST_CASE("a value is read whole while it is published over and over") {
  struct Pair {
    std::uint64_t count = 0;
    std::array<std::uint64_t, 40> same{};
  };
  engine::Published<Pair> published;
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::uint64_t n = 1; n <= 100'000; ++n) {
      Pair value{.count = n};
      value.same.fill(n);
      published.store(value);
    }
    done = true;
  });
  std::uint64_t last = 0;
  bool whole = true;
  bool forward = true;
  while (!done) {
    const Pair seen = published.load();
    for (const std::uint64_t n : seen.same) whole = whole && n == seen.count;
    forward = forward && seen.count >= last;
    last = seen.count;
  }
  writer.join();
  CHECK(whole);
  CHECK(forward);
  CHECK(published.load().count == 100'000);
}
