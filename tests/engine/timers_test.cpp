// Delays and expiry.

#include "harness.h"

namespace quern::engine::testing {
namespace {

TEST_CASE("a delayed task is not leased a millisecond before its time") {
  for (const bool restarts : {false, true}) {
    Harness h;
    const TaskId id = h.submit({.delay = 1s});
    CHECK(Timestamp{h.view(id).status.run_at()} == h.now.wall + 1s);
    if (restarts) h.restart();
    h.advance(999ms);
    CHECK(h.lease().empty());
    if (restarts) h.restart();
    h.advance(1ms);
    CHECK(h.lease_one().id == id);
  }
}

TEST_CASE("a run_at that is over already means now") {
  Harness h;
  Submit command;
  command.tasks.push_back(new_task({}));
  command.tasks[0].body->set_run_at(h.now.wall.ms);
  const TaskView view = h.expect<Submitted>(std::move(command)).tasks.at(0);
  CHECK(view.state() == TaskState::ready);
  CHECK(Timestamp{view.status.run_at()} == h.now.wall);
}

TEST_CASE("a task can wait ten years") {
  Harness h;
  const TaskId id = h.submit({.delay = limits::ten_years});
  h.advance(limits::ten_years - 1ms);
  CHECK(h.state(id) == TaskState::scheduled);
  h.advance(1ms);
  CHECK(h.state(id) == TaskState::ready);
}

TEST_CASE("a task that is not started in time goes to the dead") {
  for (const std::optional<Duration>& delay :
       {std::optional<Duration>{}, std::optional<Duration>{1h}}) {
    Harness h;
    const TaskId id = h.submit({.delay = delay, .ttl = 10s});
    h.advance(9'999ms);
    CHECK_FALSE(is_terminal(h.state(id)));
    h.advance(1ms);
    const TaskView dead = h.view(id);
    CHECK(dead.state() == TaskState::dead);
    CHECK(static_cast<DeadReason>(dead.status.dead_reason()) == DeadReason::expired);
    CHECK(Timestamp{dead.status.finished_at()} == h.now.wall);
    CHECK(dead.status.attempts() == 0);
    CHECK(dead.failures.empty());
    CHECK(h.dead_ids() == std::vector{id});
    CHECK(h.violations() == "");
  }
}

TEST_CASE("a task that expires the moment it becomes ready does not start") {
  Harness h;
  const TaskId id = h.submit({.delay = 10s, .ttl = 10s});
  h.advance(10s);
  CHECK(h.state(id) == TaskState::dead);
}

// Its timer is due, but the tick that looks at it comes after the lease.
TEST_CASE("an expired task is not leased, even before its timer fires") {
  Harness h;
  const TaskId id = h.submit({.ttl = 10s});
  h.now.wall = h.now.wall + 10s;
  h.now.steady += 10s;
  CHECK(h.lease().empty());
  CHECK(h.state(id) == TaskState::dead);
  CHECK(h.violations() == "");
}

TEST_CASE("a task submitted past its expires_at is dead, not leased, even with a worker waiting") {
  Harness h;
  const Ticket parked = h.park(Lease{.queues = {"q"}, .wait = 1min});
  Submit command;
  command.tasks.push_back(new_task({}));
  command.tasks[0].body->set_expires_at(h.now.wall.ms);
  const TaskId id = h.expect<Submitted>(std::move(command)).tasks.at(0).id;
  CHECK(h.state(id) == TaskState::dead);
  CHECK_FALSE(h.answer(parked).has_value());
}

TEST_CASE("a task that was leased once no longer expires") {
  Harness h;
  h.configure(
      "q", {.retry = {.strategy = RetryStrategy::fixed, .base = 1s, .jitter = false}, .lease = 5s});
  const TaskId released = h.submit({.ttl = 10s});
  h.release(h.lease_one());
  const TaskId postponed = h.submit({.priority = 9, .ttl = 10s});
  h.release(h.lease_one(), 1min);
  const TaskId retried = h.submit({.priority = 9, .ttl = 10s});
  h.fail(h.lease_one());
  h.restart();
  h.advance(1h);
  for (const TaskId& id : {released, postponed, retried}) CHECK(h.state(id) == TaskState::ready);
  CHECK(h.violations() == "");
}

TEST_CASE("a redrive clears the expiry") {
  Harness h;
  const TaskId id = h.submit({.ttl = 10s});
  h.advance(10s);
  h.expect<OneTask>(RedriveTask{id});
  h.restart();
  h.advance(1h);
  CHECK(h.state(id) == TaskState::ready);
  CHECK(h.violations() == "");
}

TEST_CASE("timers fire across small windows, whatever order they were set in") {
  Harness h(11, {.window_entries = 3, .tick_tasks_max = 5});
  std::vector<std::pair<Duration, TaskId>> delayed;
  for (int i = 0; i < 300; ++i) {
    const Duration delay{static_cast<std::int64_t>(1 + h.random().below(10'000))};
    delayed.emplace_back(delay, h.submit({.delay = delay}));
    if (i % 40 == 0) h.restart();
  }
  const Timestamp start = h.now.wall;
  for (int step = 0; step < 20; ++step) {
    h.advance(500ms);
    if (step % 6 == 0) h.restart();
    for (const auto& [delay, id] : delayed) {
      CHECK(h.state(id) == (start + delay <= h.now.wall ? TaskState::ready : TaskState::scheduled));
    }
  }
  CHECK(h.violations() == "");
}

TEST_CASE("the engine says when it has work next") {
  Harness h;
  h.settle_down();
  CHECK_FALSE(h.engine().next_deadline().has_value());
  h.submit({.delay = 10s});
  CHECK(h.engine().next_deadline() == h.now.steady + 10s);
  h.submit({.ttl = 4s});
  CHECK(h.engine().next_deadline() == h.now.steady + 4s);
  h.lease({"q"}, 1, 3s);
  CHECK(h.engine().next_deadline() == h.now.steady + 3s);
  h.park(Lease{.queues = {"q"}, .wait = 2s});
  CHECK(h.engine().next_deadline() == h.now.steady + 2s);
}

}  // namespace
}  // namespace quern::engine::testing
