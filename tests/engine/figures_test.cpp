// What the engine tells the metrics: every transition counted where it happened, gauges that are
// right at once, a bounded number of rows. That figures agree with the store and with themselves is
// checked with every other invariant (Harness::violations()).

#include "harness.h"

namespace quern::engine::testing {
namespace {

QueueFigures figures(const Harness& h, const std::string& queue = "q") {
  for (const FiguresBoard::Entry& entry : h.board().queues()) {
    if (entry.queue == queue) return entry.figures;
  }
  FAIL("no figures of ", queue);
  return {};
}

std::vector<std::string> rows(const Harness& h) {
  std::vector<std::string> names;
  for (const FiguresBoard::Entry& entry : h.board().queues()) names.push_back(entry.queue);
  return names;
}

std::uint64_t removed(const QueueFigures& figures, Removal reason) {
  return figures.tally.removed[static_cast<std::size_t>(reason)];
}

std::uint64_t died(const QueueFigures& figures, DeadReason reason) {
  return figures.tally.dead[static_cast<std::size_t>(reason)];
}

std::optional<Duration> oldest_age(const Harness& h, const std::string& queue = "q") {
  const std::int64_t at = figures(h, queue).oldest_ready_at;
  REQUIRE(at != QueueFigures::not_known_yet);
  if (at == QueueFigures::nothing_ready) return std::nullopt;
  return h.now.wall - Timestamp{at};
}

TEST_CASE("what happens to a task is counted in its queue, once") {
  Harness h;
  h.submit({.key = "k"});
  h.submit({.key = "k"});
  h.advance(30ms);
  const TaskView leased = h.lease_one();
  h.heartbeat(leased);
  h.advance(2s);
  h.complete(leased);
  h.complete(leased);  // says it again: nothing happens
  const QueueTally tally = figures(h).tally;
  CHECK(tally.submitted == 1);
  CHECK(tally.replayed == 1);
  CHECK(tally.leased == 1);
  CHECK(tally.extended == 1);
  CHECK(tally.completed == 1);
  CHECK(tally.failed == 0);
  CHECK(tally.wait.sum == 30'000);
  CHECK(tally.run.sum == 2'000'000);
  CHECK(h.violations() == "");
}

TEST_CASE("a failed attempt says whether another follows, and what ended it") {
  Harness h;
  h.submit({.max_attempts = 4, .timeout = 90s});
  h.fail(h.lease_one(), true, 0s);
  h.lease({"q"}, 1, 10s);
  h.advance(10s);
  CHECK(figures(h).tally.lease_expired == 1);
  h.advance(5min);
  h.lease({"q"}, 1, 2h);
  h.advance(90s);
  CHECK(figures(h).tally.timed_out == 1);
  CHECK(figures(h).tally.lease_expired == 1);
  h.advance(5min);
  h.fail(h.lease_one(), false);
  const QueueFigures seen = figures(h);
  CHECK(seen.tally.failed == 4);
  CHECK(seen.tally.retried == 3);
  CHECK(died(seen, DeadReason::not_retryable) == 1);
  CHECK(died(seen, DeadReason::max_attempts) == 0);
  CHECK(h.violations() == "");
}

TEST_CASE("a lease that nobody heard of is told from one that was given back") {
  Harness h;
  h.submit();
  h.release(h.lease_one());
  const TaskView lost = h.lease_one();
  h.call(Undelivered{{{lost.id, lost.status.lease().token()}}});
  const QueueTally tally = figures(h).tally;
  CHECK(tally.leased == 2);
  CHECK(tally.released == 2);
  CHECK(tally.undelivered == 1);
  CHECK(h.violations() == "");
}

TEST_CASE("a cancel of a running task revokes its lease") {
  Harness h;
  const std::vector<TaskId> ids = h.submit_many(2);
  h.lease_one();
  for (const TaskId& id : ids) h.expect<OneTask>(CancelTask{id});
  CHECK(figures(h).tally.cancelled == 2);
  CHECK(figures(h).tally.revoked == 1);
  CHECK(h.violations() == "");
}

TEST_CASE("a redrive into another queue is counted in both") {
  Harness h;
  h.submit_dead();
  h.expect<Counted>(RedriveDead{.name = "q", .filter = {}, .to_queue = "other"});
  CHECK(figures(h).tally.redriven == 1);
  CHECK(figures(h).tally.moved_out == 1);
  CHECK(figures(h, "other").tally.moved_in == 1);
  CHECK(figures(h, "other").tally.redriven == 0);
  CHECK(figures(h, "other").tally.submitted == 0);
  CHECK(h.violations() == "");
}

TEST_CASE("what is gone says why") {
  Harness h;
  h.configure("q", {.retention = 1s, .idempotency_window = 0s});
  h.submit_dead();
  h.expect<Counted>(DiscardDead{"q", {}});
  h.submit();
  h.expect<Counted>(PurgeQueue{"q", {TaskState::ready}});
  h.submit();
  h.complete(h.lease_one());
  h.advance(1s);
  const QueueFigures seen = figures(h);
  CHECK(removed(seen, Removal::discard) == 1);
  CHECK(removed(seen, Removal::purge) == 1);
  CHECK(removed(seen, Removal::retention) == 1);
  CHECK(removed(seen, Removal::queue_deleted) == 0);
  CHECK(task_count(seen) == 0);
}

TEST_CASE("a settle that is refused is counted by what it is told") {
  Harness h;
  h.submit();
  const TaskView leased = h.lease_one();
  TaskView stale = leased;
  stale.status.mutable_lease()->set_token(std::string(16, 'x'));
  CHECK(h.refusal(SettleOne{Harness::item(SettleVerb::complete, stale)}) == ErrorCode::lease_lost);
  h.expect<SettledMany>(Settle{{Harness::item(SettleVerb::complete, stale)}});
  h.complete(leased);
  CHECK(h.refusal(SettleOne{Harness::item(SettleVerb::fail, leased)}) == ErrorCode::task_finished);
  const auto& refused = h.board().engine().settles_refused;
  CHECK(refused[static_cast<std::size_t>(RefusedSettle::lease_lost)] == 2);
  CHECK(refused[static_cast<std::size_t>(RefusedSettle::task_finished)] == 1);
  CHECK(refused[static_cast<std::size_t>(RefusedSettle::task_not_found)] == 0);
}

TEST_CASE("parked calls are counted by what they wait for") {
  Harness h;
  const TaskId id = h.submit({.queue = "busy"});
  h.park(Lease{.queues = {"q"}, .wait = 10s});
  h.park(Lease{.queues = {"q", "p"}, .wait = 20s});
  h.park(WaitTask{.id = id, .wait = 5s});
  CHECK(h.board().engine().parked_leases == 2);
  CHECK(h.board().engine().parked_reads == 1);
  h.advance(5s);
  CHECK(h.board().engine().parked_reads == 0);
  h.submit();
  CHECK(h.board().engine().parked_leases == 1);
  h.advance(20s);
  CHECK(h.board().engine().parked_leases == 0);
}

TEST_CASE("nothing shows before its batch is durable") {
  Harness h;
  h.submit();
  Submit command;
  command.tasks.push_back(new_task({}));
  h.engine().apply(99, std::move(command), h.now);
  h.engine().tick(h.now);
  const storage::Batch batch = h.engine().take_batch();
  CHECK(figures(h).tally.submitted == 1);
  REQUIRE(h.footprint().commit(batch).has_value());
  h.engine().publish_figures();
  CHECK(figures(h).tally.submitted == 2);
}

TEST_CASE("the age of the oldest ready task is the queue's own") {
  Harness h(1, {.window_entries = 2});
  CHECK_FALSE(h.call(PutQueue{"q", {}}).has_value() == false);
  CHECK_FALSE(oldest_age(h).has_value());
  h.submit({.priority = 1});
  h.advance(1s);
  h.submit_many(40, {.priority = 9});
  h.advance(1s);
  CHECK(oldest_age(h) == 2s);
  CHECK(oldest_age(h) == h.queue().oldest_ready_age);
  // Beyond what is in memory, over and over.
  for (int i = 0; i < 40; ++i) {
    h.advance(1ms);
    h.lease_one();
    CHECK(oldest_age(h) == h.queue().oldest_ready_age);
  }
  h.lease_one();
  CHECK_FALSE(oldest_age(h).has_value());
}

TEST_CASE("a long row of cancelled tasks does not hide the oldest one for long") {
  Harness h(1, {.window_entries = 2, .tick_tasks_max = 8, .job_tasks_max = 8});
  const std::vector<TaskId> ids = h.submit_many(200);
  h.advance(3s);
  for (std::size_t i = 0; i + 1 < ids.size(); ++i) h.call(CancelTask{ids[i]});
  h.restart();
  h.settle_down();
  CHECK(oldest_age(h) == 3s);
}

TEST_CASE("gauges are right at once after a start, and counters begin at 0") {
  Harness h;
  h.submit_many(3);
  h.submit_dead({.queue = "p"});
  h.lease_one();
  h.advance(4s);
  h.restart();  // no tick follows
  CHECK(figures(h).counts[static_cast<std::size_t>(TaskState::ready)] == 2);
  CHECK(figures(h).counts[static_cast<std::size_t>(TaskState::running)] == 1);
  CHECK(figures(h, "p").counts[static_cast<std::size_t>(TaskState::dead)] == 1);
  CHECK(oldest_age(h) == 4s);
  CHECK(figures(h).tally.submitted == 0);
  CHECK(h.board().engine().queues == 2);
  CHECK(h.violations() == "");
}

TEST_CASE("after a recovery the counters go on") {
  Harness h;
  h.submit_many(3);
  h.complete(h.lease_one());
  h.recover();
  h.complete(h.lease_one());
  CHECK(figures(h).tally.submitted == 3);
  CHECK(figures(h).tally.completed == 2);
  CHECK(h.violations() == "");
}

TEST_CASE("queues beyond the limit are shown together") {
  Harness h(1, {}, 2);
  for (const char* queue : {"a", "b", "c", "d"}) {
    h.submit({.queue = queue});
    h.advance(1s);
  }
  CHECK(rows(h) == std::vector<std::string>{"a", "b", "_other"});
  CHECK(figures(h, "_other").tally.submitted == 2);
  CHECK(figures(h, "_other").counts[static_cast<std::size_t>(TaskState::ready)] == 2);
  CHECK(oldest_age(h, "_other") == 2s);
  h.complete(h.lease_one("c"));
  CHECK(oldest_age(h, "_other") == 1s);
  CHECK(h.violations() == "");
  for (const bool process_is_new : {false, true}) {
    process_is_new ? h.restart() : h.recover();
    CHECK(rows(h) == std::vector<std::string>{"a", "b", "_other"});
    CHECK(oldest_age(h, "_other") == 1s);
    CHECK(h.violations() == "");
  }
}

TEST_CASE("a limit of 0 names none") {
  Harness h(1, {}, 0);
  h.submit();
  CHECK(rows(h) == std::vector<std::string>{"_other"});
  CHECK(h.violations() == "");
}

TEST_CASE("a queue that is called like the rest is part of it") {
  Harness h;
  h.submit({.queue = "_other"});
  CHECK(rows(h) == std::vector<std::string>{"_other"});
  CHECK(figures(h, "_other").tally.submitted == 1);
  h.expect<Done>(DeleteQueue{"_other", true});
  CHECK(task_count(figures(h, "_other")) == 0);
  CHECK(h.violations() == "");
}

TEST_CASE("a deleted queue is shown no more, and its row goes to the next new one") {
  Harness h(1, {}, 1);
  h.submit({.queue = "a"});
  h.submit({.queue = "b"});
  h.expect<Done>(DeleteQueue{"a", true});
  CHECK(rows(h) == std::vector<std::string>{"_other"});
  h.submit({.queue = "c"});
  CHECK(rows(h) == std::vector<std::string>{"c", "_other"});
  CHECK(figures(h, "c").tally.submitted == 1);
  CHECK(h.violations() == "");
}

TEST_CASE("deleting one of the rest takes its tasks out of their row") {
  Harness h(1, {}, 0);
  h.submit({.queue = "a"});
  h.advance(1s);
  h.submit_many(3, {.queue = "b"});
  h.lease({"a"});
  h.expect<Done>(DeleteQueue{"a", true});
  const QueueFigures seen = figures(h, "_other");
  CHECK(task_count(seen) == 3);
  CHECK(removed(seen, Removal::queue_deleted) == 1);
  CHECK(seen.tally.revoked == 1);
  CHECK(oldest_age(h, "_other") == 0s);
  CHECK(h.violations() == "");
}

TEST_CASE("a name that is free again is a new row at once") {
  Harness h(1, {.job_tasks_max = 2});
  h.submit_many(20, {.queue = "a"});
  h.begin(DeleteQueue{"a", true});
  h.begin([] {
    Submit command;
    command.tasks.push_back(new_task({.queue = "a"}));
    return command;
  }());
  CHECK(rows(h) == std::vector<std::string>{"a"});
  CHECK(figures(h, "a").tally.submitted == 1);
  CHECK(task_count(figures(h, "a")) == 1);
  h.restart();
  CHECK(rows(h) == std::vector<std::string>{"a"});
  h.settle_down();
  CHECK(h.violations() == "");
}

}  // namespace
}  // namespace quern::engine::testing
