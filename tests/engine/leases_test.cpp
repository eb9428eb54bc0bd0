// Leases: who holds a task, for how long, and what ends it.

#include <set>

#include "harness.h"

namespace quern::engine::testing {
namespace {

std::string last_error_type(const TaskView& view) {
  return view.failures.empty() ? "" : view.failures.back().type();
}

QueueSettings short_leases() {
  return {.retry = {.strategy = RetryStrategy::fixed, .base = 1s, .jitter = false}, .lease = 10s};
}

TEST_CASE("a lease shows what its worker needs") {
  Harness h;
  h.submit({.payload = "[1]"});
  const TaskView leased = h.lease_one();
  CHECK(leased.state() == TaskState::running);
  CHECK(leased.payload() == "[1]");
  CHECK(leased.status.attempts() == 1);
  CHECK(Timestamp{leased.status.started_at()} == h.now.wall);
  CHECK(leased.status.lease().worker_id() == "w");
  CHECK(leased.status.lease().token().size() == 16);
}

TEST_CASE("every lease has a token of its own") {
  Harness h;
  h.submit_many(200);
  std::set<std::string> tokens;
  for (int round = 0; round < 3; ++round) {
    const std::vector<TaskView> leased = h.lease({"q"}, 200);
    for (const TaskView& view : leased) tokens.insert(view.status.lease().token());
    for (const TaskView& view : leased) h.release(view);
  }
  CHECK(tokens.size() == 600);
}

TEST_CASE("a task is held by one worker at a time") {
  Harness h;
  h.submit();
  h.lease_one();
  CHECK(h.lease().empty());
  h.restart();
  CHECK(h.lease().empty());
}

TEST_CASE("an older token is refused once another worker holds the task") {
  Harness h;
  h.configure("q", short_leases());
  const TaskId id = h.submit();
  const TaskView late = h.lease_one();
  h.advance(10s);
  h.advance(1s);
  const TaskView current = h.lease_one();
  CHECK(current.id == id);
  for (const SettleVerb verb :
       {SettleVerb::complete, SettleVerb::fail, SettleVerb::heartbeat, SettleVerb::release}) {
    CHECK(h.refusal(SettleOne{Harness::item(verb, late)}) == ErrorCode::lease_lost);
  }
  CHECK(h.view(id).status.lease().token() == current.status.lease().token());
  CHECK(h.complete(current).state() == TaskState::succeeded);
}

TEST_CASE("a lease that runs out is a failed attempt") {
  Harness h;
  h.configure("q", short_leases());
  const TaskId id = h.submit();
  h.lease_one();
  h.advance(9'999ms);
  CHECK(h.state(id) == TaskState::running);
  h.advance(1ms);
  const TaskView view = h.view(id);
  CHECK(view.state() == TaskState::retrying);
  CHECK(Timestamp{view.status.run_at()} == h.now.wall + 1s);
  CHECK(last_error_type(view) == "lease_expired");
  CHECK(view.failures.back().worker_id() == "w");
  CHECK(view.failures.back().attempt() == 1);
}

TEST_CASE("the last lease to run out ends the task") {
  Harness h;
  h.configure("q", short_leases());
  const TaskId id = h.submit({.max_attempts = 1});
  h.lease_one();
  h.advance(10s);
  CHECK(h.state(id) == TaskState::dead);
  CHECK(static_cast<DeadReason>(h.view(id).status.dead_reason()) == DeadReason::max_attempts);
}

TEST_CASE("a heartbeat extends the lease by what was granted, or by what it asks for") {
  Harness h;
  h.submit();
  const TaskView leased = h.lease({"q"}, 1, 10s).at(0);
  h.advance(6s);
  CHECK(h.heartbeat(leased) == h.now.wall + 10s);
  CHECK(h.heartbeat(leased, 30s) == h.now.wall + 30s);
  CHECK(h.heartbeat(leased) == h.now.wall + 30s);
  CHECK(h.heartbeat(leased, 1s) == h.now.wall + 1s);
  h.advance(999ms);
  CHECK(h.state(leased.id) == TaskState::running);
  h.advance(1ms);
  CHECK(h.state(leased.id) == TaskState::retrying);
}

TEST_CASE("heartbeats do not extend an attempt past its time-out") {
  for (const bool restarts : {false, true}) {
    Harness h;
    h.configure("q", short_leases());
    const TaskId id = h.submit({.timeout = 25s});
    const TaskView leased = h.lease_one();
    const Timestamp end = h.now.wall + 25s;
    for (int i = 0; i < 4; ++i) {
      h.advance(6s);
      if (restarts) h.restart();
      CHECK(h.heartbeat(leased) == std::min(end, h.now.wall + 10s));
    }
    h.advance(999ms);
    CHECK(h.state(id) == TaskState::running);
    h.advance(1ms);
    CHECK(last_error_type(h.view(id)) == "timeout");
  }
}

TEST_CASE("a worker that falls silent is told apart from one that takes too long") {
  struct Row {
    std::optional<Duration> timeout;
    Duration lease;
    const char* error;
  };
  for (const Row& row : {Row{{}, 10s, "lease_expired"}, Row{20s, 10s, "lease_expired"},
                         Row{10s, 10s, "timeout"}, Row{5s, 10s, "timeout"}}) {
    Harness h;
    const TaskId id = h.submit({.timeout = row.timeout, .lease = row.lease});
    h.lease_one();
    h.advance(10s);
    CHECK(last_error_type(h.view(id)) == row.error);
  }
}

TEST_CASE("a jump of the wall clock ends no lease and stretches none") {
  for (const Duration jump : {Duration{1h}, Duration{-1h}, Duration{24h * 365}, Duration{-1ms}}) {
    CAPTURE(jump);
    Harness h;
    const TaskId id = h.submit({.lease = 10s});
    h.lease_one();
    h.jump_wall(jump);
    h.advance(9'999ms);
    CHECK(h.state(id) == TaskState::running);
    h.advance(1ms);
    CHECK(h.state(id) == TaskState::retrying);
  }
}

TEST_CASE("a jump of the wall clock neither brings a time-out nearer nor puts it off") {
  for (const Duration jump : {Duration{1h}, Duration{-1h}}) {
    CAPTURE(jump);
    Harness h;
    const TaskId id = h.submit({.timeout = 25s, .lease = 10s});
    const TaskView leased = h.lease_one();
    h.advance(8s);
    h.jump_wall(jump);
    CHECK(h.heartbeat(leased) == h.now.wall + 10s);
    h.advance(8s);
    h.restart();
    CHECK(h.heartbeat(leased) == h.now.wall + 9s);
    h.advance(8'999ms);
    CHECK(h.state(id) == TaskState::running);
    h.advance(1ms);
    CHECK(last_error_type(h.view(id)) == "timeout");
  }
}

TEST_CASE("after a restart a lease ends when it would have, never early") {
  Harness h;
  const TaskId id = h.submit({.lease = 10s});
  const TaskView leased = h.lease_one();
  h.now.wall = h.now.wall + 4s;  // down for so long; steady time starts anew
  h.now.steady = 0s;
  h.restart();
  h.advance(5'999ms);
  CHECK(h.state(id) == TaskState::running);
  CHECK(h.complete(leased).state() == TaskState::succeeded);
}

TEST_CASE("a lease that ran out while the server was down ends at its start") {
  Harness h;
  const TaskId id = h.submit({.lease = 10s});
  h.lease_one();
  h.now.wall = h.now.wall + 1h;
  h.restart();
  h.settle_down();
  CHECK(last_error_type(h.view(id)) == "lease_expired");
}

TEST_CASE("a clock that was set back while the server was down stretches no lease") {
  Harness h;
  const TaskId id = h.submit({.lease = 10s});
  h.lease_one();
  h.now.wall = h.now.wall - 1h;
  h.restart();
  h.advance(9'999ms);
  CHECK(h.state(id) == TaskState::running);
  h.advance(1ms);
  CHECK(h.state(id) == TaskState::retrying);
}

TEST_CASE("many leases that end at once are ended over several ticks") {
  Harness h(1, {.tick_tasks_max = 3});
  h.submit_many(20, {.lease = 10s});
  CHECK(h.lease_ids(20).size() == 20);
  h.advance(10s);
  CHECK(h.count(TaskState::retrying) == 20);
  CHECK(h.violations() == "");
}

TEST_CASE("a complete or fail that is repeated is answered as it was, over a restart too") {
  Harness h;
  h.submit_many(2);
  const TaskView completed = h.lease_one();
  h.complete(completed, "[1]");
  const TaskView failed = h.lease_one();
  h.fail(failed);
  h.restart();
  CHECK(h.complete(completed, "[1]").state() == TaskState::succeeded);
  const TaskView again = h.fail(failed);
  CHECK(again.state() == TaskState::retrying);
  CHECK(again.status.attempts() == 1);
  CHECK(again.failures.size() == 1);
}

TEST_CASE("a repeated fail is answered until somebody has leased the task since") {
  Harness h;
  h.configure("q", short_leases());
  const TaskId id = h.submit();
  const TaskView leased = h.lease_one();
  h.fail(leased, false);
  CHECK(h.fail(leased, false).state() == TaskState::dead);
  h.expect<OneTask>(RedriveTask{id});
  CHECK(h.fail(leased, false).state() == TaskState::ready);
  h.lease_one();
  SettleItem repeat = Harness::item(SettleVerb::fail, leased);
  repeat.error_type = "boom";
  repeat.error_message = "it broke";
  repeat.retryable = false;
  CHECK(h.refusal(SettleOne{repeat}) == ErrorCode::lease_lost);
}

TEST_CASE("a fail counts as another one when any part of it differs") {
  using Change = void (*)(SettleItem&);
  for (const Change change : {Change{[](SettleItem& i) { i.error_type = "x"; }},
                              Change{[](SettleItem& i) { i.error_message = "x"; }},
                              Change{[](SettleItem& i) { i.error_details = "{}"; }},
                              Change{[](SettleItem& i) { i.retryable = false; }},
                              Change{[](SettleItem& i) { i.retry_after = 0s; }},
                              Change{[](SettleItem& i) { i.token.clear(); }}}) {
    Harness h;
    h.submit();
    const TaskView leased = h.lease_one();
    h.fail(leased);
    SettleItem item = Harness::item(SettleVerb::fail, leased);
    item.error_type = "boom";
    item.error_message = "it broke";
    CHECK(h.expect<OneTask>(SettleOne{item}).task.state() == TaskState::retrying);
    change(item);
    CHECK(h.refusal(SettleOne{item}) == ErrorCode::lease_lost);
  }
}

TEST_CASE("each item of a settle list stands alone, in order") {
  Harness h;
  h.submit_many(3);
  const std::vector<TaskView> leased = h.lease({"q"}, 3);
  SettleItem unknown = Harness::item(SettleVerb::complete, leased[0]);
  unknown.id_text = "nonsense";
  unknown.id.reset();
  SettleItem stale = Harness::item(SettleVerb::complete, leased[1]);
  stale.token = std::string(16, 'x');
  const SettledMany answer = h.expect<SettledMany>(Settle{
      {Harness::item(SettleVerb::complete, leased[0]), unknown, stale,
       Harness::item(SettleVerb::complete, leased[0]), Harness::item(SettleVerb::fail, leased[0]),
       Harness::item(SettleVerb::release, leased[2])}});
  const auto code = [&](std::size_t i) { return std::get<Error>(answer.items.at(i).outcome).code; };
  const auto state = [&](std::size_t i) {
    return std::get<TaskView>(answer.items.at(i).outcome).state();
  };
  REQUIRE(answer.items.size() == 6);
  CHECK(state(0) == TaskState::succeeded);
  CHECK(answer.items[1].id_text == "nonsense");
  CHECK(code(1) == ErrorCode::task_not_found);
  CHECK(code(2) == ErrorCode::lease_lost);
  CHECK(state(3) == TaskState::succeeded);
  CHECK(code(4) == ErrorCode::task_finished);
  CHECK(state(5) == TaskState::ready);
  CHECK(h.state(leased[1].id) == TaskState::running);
}

TEST_CASE("a lease settles first, and may then take what it just released") {
  Harness h;
  h.submit();
  const TaskView leased = h.lease_one();
  const Leased answer = h.expect<Leased>(
      Lease{.queues = {"q"}, .settle = {Harness::item(SettleVerb::release, leased)}});
  CHECK(ids_of(answer.tasks) == std::vector{leased.id});
  CHECK(answer.settled.size() == 1);
  CHECK(answer.tasks[0].status.attempts() == 1);
}

TEST_CASE("progress is shown, replaced, and kept when the task ends") {
  Harness h;
  const TaskId id = h.submit();
  const TaskView leased = h.lease_one();
  for (const std::size_t size : {10u, 5'000u, 20u, 6'000u}) {
    SettleItem heartbeat = Harness::item(SettleVerb::heartbeat, leased);
    heartbeat.progress = '"' + std::string(size, 'p') + '"';
    h.expect<LeaseExtended>(SettleOne{heartbeat});
    CHECK(h.view(id).progress() == *heartbeat.progress);
    CHECK(h.violations() == "");
  }
  h.heartbeat(leased);
  CHECK(h.view(id).progress().size() == 6'002);
  h.complete(leased);
  CHECK(h.view(id).progress().size() == 6'002);
  CHECK(h.violations() == "");
}

TEST_CASE("a lease ends no part of a millisecond early") {
  using namespace std::chrono_literals;
  Harness h;
  h.now.steady +=
      900us;  // the wall clock's millisecond has just begun, the steady one's nearly ended
  const TaskId id = h.submit({.lease = 10s});
  h.lease_one();
  h.now.wall = h.now.wall + 9'999ms;
  h.now.steady += 9'999ms + 200us;
  h.settle_down();
  CHECK(h.state(id) == TaskState::running);
  h.now.wall = h.now.wall + 1ms;
  h.now.steady += 800us;
  h.settle_down();
  CHECK(h.state(id) == TaskState::retrying);
}

TEST_CASE("one lease hands out a bounded number of bytes, at least one task") {
  Harness h(1, {.lease_bytes_max = 10'000});
  h.submit_many(9, {.payload = '"' + std::string(6'000, 'x') + '"'});
  CHECK(h.lease({"q"}, 9).size() == 2);
  CHECK(h.count(TaskState::ready) == 7);
  h.submit_many(1, {.payload = '"' + std::string(20'000, 'x') + '"', .priority = 9});
  CHECK(h.lease({"q"}, 9).size() == 1);
}

}  // namespace
}  // namespace quern::engine::testing
