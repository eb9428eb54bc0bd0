// What a call costs does not depend on what was there before, nor on what waits elsewhere: no scan
// steps over the tombstones of what has gone, and none goes on without end.

#include "engine/head_window.h"
#include "harness.h"

namespace quern::engine::testing {
namespace {

constexpr std::size_t window = 16;
constexpr std::size_t tick = 64;
constexpr std::size_t crowd = 1000;
// A few windows or ticks, whatever the crowd.
constexpr std::size_t few = 4 * tick;

Harness small_steps(std::optional<std::size_t> figures_queues_max = 2) {
  return Harness(1, {.window_entries = window, .tick_tasks_max = tick, .job_tasks_max = tick},
                 figures_queues_max);
}

std::vector<TaskId> listed(Harness& h, const std::string& queue) {
  Result<TaskPage> page = list_tasks(h.footprint(), {.queue = queue});
  REQUIRE(page.has_value());
  return ids_of(page->tasks);
}

void finish_all(Harness& h, const std::string& queue = "q") {
  for (;;) {
    const std::vector<TaskView> leased = h.lease({queue}, 100);
    if (leased.empty()) return;
    for (const TaskView& task : leased) h.complete(task);
  }
}

// Everything is gone but one task, submitted last.
enum class Gone : std::uint8_t { by_retention, by_purge, by_discard };

TaskId leave_one(Harness& h, Gone how) {
  h.configure("q", {.retention = 1s});
  if (how == Gone::by_discard) {
    h.submit_many(crowd, {.max_attempts = 1});
    for (;;) {
      const std::vector<TaskView> leased = h.lease({"q"}, 100);
      if (leased.empty()) break;
      for (const TaskView& task : leased) h.fail(task);
    }
  } else {
    h.submit_many(crowd);
  }
  h.advance(1ms);
  const TaskId last = h.submit({.delay = 1h});
  if (how == Gone::by_retention) {
    finish_all(h);
    h.advance(2s);
  } else if (how == Gone::by_purge) {
    h.expect<Counted>(PurgeQueue{"q", {TaskState::ready}});
  } else {
    h.expect<Counted>(DiscardDead{"q", {}});
  }
  return last;
}

TEST_CASE("listing a queue steps over none of the tasks that have gone") {
  for (const Gone how : {Gone::by_retention, Gone::by_purge, Gone::by_discard}) {
    for (const bool restarts : {false, true}) {
      CAPTURE(static_cast<int>(how));
      CAPTURE(restarts);
      Harness h = small_steps();
      const TaskId last = leave_one(h, how);
      if (restarts) h.restart();
      h.footprint().reset();
      CHECK(listed(h, "q") == std::vector{last});
      CHECK(h.footprint().tombstones_max() <= few);
      CHECK(h.violations() == "");
    }
  }
}

TEST_CASE("a purge steps over none of the tasks that have gone") {
  Harness h = small_steps();
  leave_one(h, Gone::by_retention);
  h.footprint().reset();
  CHECK(h.expect<Counted>(PurgeQueue{"q", {TaskState::scheduled}}).count == 1);
  CHECK(h.footprint().tombstones_max() <= few);
}

TEST_CASE("listing a queue steps over none of those that were redriven into it and have gone") {
  Harness h = small_steps();
  h.configure("to", {.retention = 1s});
  h.submit_many(crowd, {.max_attempts = 1});
  for (const TaskView& task : h.lease({"q"}, crowd)) h.fail(task);
  h.expect<Counted>(
      RedriveDead{.name = "q", .filter = {}, .to_queue = "to", .rate_per_second = {}});
  finish_all(h, "to");
  h.advance(2s);
  h.footprint().reset();
  CHECK(listed(h, "to").empty());
  CHECK(h.footprint().tombstones_max() <= few);
}

TEST_CASE("timers that were disarmed are not stepped over once none is left") {
  Harness h = small_steps();
  // The last to be submitted are the first to expire: what a purge takes away first lies furthest
  // behind the window.
  for (std::size_t i = 0; i < crowd; ++i) h.submit({.ttl = 1h - Duration{i}});
  h.footprint().reset();
  h.expect<Counted>(PurgeQueue{"q", {TaskState::ready}});
  h.submit({.ttl = 2h});
  h.advance(30min);
  h.restart();
  h.settle_down();
  CHECK(h.footprint().tombstones_max() <= few);
  h.advance(2h);
  CHECK(h.count(TaskState::dead) == 1);
}

TEST_CASE("a lease behind a row of cancelled tasks looks at a bounded number at a time") {
  for (const Duration wait : {Duration{0}, Duration{20s}}) {
    CAPTURE(wait);
    // Without figures: who looks for the oldest ready task would have found it before the lease.
    Harness h = small_steps(std::nullopt);
    const std::vector<TaskId> ids = h.submit_many(crowd);
    h.advance(1ms);
    const TaskId last = h.submit();
    for (const TaskId& id : ids) h.expect<OneTask>(CancelTask{id});
    h.footprint().reset();

    const Ticket ticket = h.begin(Lease{.queues = {"q"}, .wait = wait});
    std::size_t seen = 0;
    std::optional<Outcome> outcome = h.answer(ticket);
    int ticks = 0;
    for (; !outcome && ticks < 1000; ++ticks) {
      CHECK(h.footprint().visited() - seen <= few);
      seen = h.footprint().visited();
      h.tick();
      outcome = h.answer(ticket);
    }
    CHECK(ticks > 1);
    REQUIRE(outcome.has_value());
    CHECK(ids_of(std::get<Leased>(*outcome).tasks) == std::vector{last});
    CHECK(h.violations() == "");
  }
}

TEST_CASE("a lease behind a row of tasks that may not start is answered with the first that may") {
  Harness h = small_steps();
  h.submit_many(crowd, {.ttl = 1s});
  h.now.wall = h.now.wall + 2s;  // all have expired, and no tick has buried them yet
  h.now.steady += 2s;
  const Ticket ticket = h.begin(Lease{.queues = {"q"}});
  const TaskId last = h.submit();
  REQUIRE(h.state(last) == TaskState::running);
  CHECK(ids_of(h.answered<Leased>(ticket).tasks) == std::vector{last});
}

// A queue whose front has gone out of turn, on disk: `crowd` were cancelled, one is ready behind.
TaskId long_row(Harness& h) {
  const std::vector<TaskId> ids = h.submit_many(crowd + 1);
  h.restart();
  for (std::size_t i = 0; i < crowd; ++i) h.expect<OneTask>(CancelTask{ids[i]});
  h.restart();
  return ids.back();
}

TEST_CASE("a search that was cut short goes on once a tick, not with every call of a group") {
  Harness h = small_steps();
  const TaskId last = long_row(h);
  h.footprint().reset();
  const auto lease = [&](Duration wait) {
    return h.begin(Lease{
        .queues = {"q"}, .tasks_max = 1, .wait = wait, .lease = {}, .worker_id = {}, .settle = {}});
  };
  lease(60s);
  for (int i = 0; i < 20; ++i) h.begin(CancelTask{TaskId{}});
  for (int i = 0; i < 20; ++i) lease(Duration{0});
  for (int i = 0; i < 20; ++i) h.begin(GetQueue{"q"});
  CHECK(h.footprint().visited() <= few);
  h.settle_down();
  CHECK(h.state(last) == TaskState::running);
  CHECK(h.violations() == "");
}

TEST_CASE("the age of the oldest ready task is told, however long the look for it takes") {
  Harness h = small_steps();
  long_row(h);
  h.advance(5s);
  h.restart();
  CHECK(h.queue("q").oldest_ready_age == 5s);
}

TEST_CASE("a list of queues looks at the heads of their lanes only") {
  Harness h;
  constexpr std::size_t queues = 20;
  constexpr std::size_t lanes = 10;
  for (std::size_t q = 0; q < queues; ++q) {
    for (std::uint32_t lane = 0; lane < lanes; ++lane)
      h.submit_many(300, {.queue = "q" + std::to_string(q), .priority = lane});
  }
  h.restart();
  h.footprint().reset();
  CHECK(h.expect<QueuePage>(ListQueues{.after = "", .limit = 1000}).queues.size() == queues);
  CHECK(h.footprint().visited() <= queues * lanes * first_load_entries);
}

TEST_CASE("a list of many queues is made bit by bit, and is whole") {
  Harness h;
  constexpr std::size_t queues = 300;
  for (std::size_t q = 0; q < queues; ++q) h.submit({.queue = "q" + std::to_string(1000 + q)});
  const QueuePage all = h.expect<QueuePage>(ListQueues{.after = "", .limit = 1000});
  CHECK(all.queues.size() == queues);
  CHECK(!all.more);
  const QueuePage some = h.expect<QueuePage>(ListQueues{.after = "q1099", .limit = 100});
  REQUIRE(some.queues.size() == 100);
  CHECK(some.queues.front().name == "q1100");
  CHECK(some.more);
}

}  // namespace
}  // namespace quern::engine::testing
