// Draining: the work in hand is ended, no other is begun.
#include <doctest/doctest.h>

#include "harness.h"

namespace quern::engine::testing {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a drain is answered when the last task that runs is settled") {
  Harness h;
  h.submit_many(3);
  const std::vector<TaskView> held = h.lease({"q"}, 2);
  CHECK(h.expect<Drained>(Drain{}).running == 2);
  const Ticket drain = h.park(Drain{.wait = 1min});
  h.complete(held[0]);
  CHECK_FALSE(h.answer(drain).has_value());
  h.release(held[1]);
  CHECK(h.answered<Drained>(drain).running == 0);
  CHECK(h.count(TaskState::ready) == 2);
  CHECK(h.expect<Drained>(Drain{.wait = 1min}).running == 0);
}

TEST_CASE("a drain is answered when a lease that nobody settled runs out") {
  Harness h;
  h.submit();
  h.lease({"q"}, 1, 30s);
  const Ticket drain = h.park(Drain{.wait = 1min});
  h.advance(30s);
  CHECK(h.answered<Drained>(drain).running == 0);
}

TEST_CASE("a drain whose wait is over says how many still run") {
  Harness h;
  h.submit_many(2);
  h.lease({"q"}, 2, 1h);
  const Ticket drain = h.park(Drain{.wait = 10s});
  h.advance(Duration{9'999});
  CHECK_FALSE(h.answer(drain).has_value());
  h.advance(1ms);
  CHECK(h.answered<Drained>(drain).running == 2);
}

TEST_CASE("a drain answers parked leases with nothing, and lets who waits for a task wait on") {
  Harness h;
  h.submit();
  const TaskView held = h.lease_one();
  const Ticket lease = h.park(Lease{.queues = {"q"}, .wait = 1min});
  const Ticket wait = h.park(WaitTask{held.id, 1min});
  h.expect<Drained>(Drain{});
  CHECK(h.answered<Leased>(lease).tasks.empty());
  CHECK_FALSE(h.answer(wait).has_value());
  const Ticket later = h.park(WaitTask{held.id, 1min});
  h.complete(held);
  CHECK(h.answer(wait).has_value());
  CHECK(h.answer(later).has_value());
}

TEST_CASE("what falls due during a drain is not given out") {
  Harness h;
  h.submit({.delay = 10s});
  h.expect<Drained>(Drain{});
  h.advance(10s);
  CHECK(h.count(TaskState::ready) == 1);
  CHECK(h.refusal(Lease{.queues = {"q"}, .wait = 1min}) == ErrorCode::draining);
}

TEST_CASE("two who wait for the same drain are both told of its end") {
  Harness h;
  h.submit();
  const TaskView held = h.lease_one();
  const Ticket first = h.park(Drain{.wait = 1min});
  const Ticket second = h.park(Drain{.wait = 1min});
  CHECK(h.expect<Drained>(Drain{}).running == 1);
  CHECK_FALSE(h.answer(first).has_value());
  h.complete(held);
  CHECK(h.answered<Drained>(first).running == 0);
  CHECK(h.answered<Drained>(second).running == 0);
}

TEST_CASE("a drain that is taken back lets tasks and leases through again") {
  Harness h;
  h.submit();
  const TaskView held = h.lease_one();
  const Ticket drain = h.park(Drain{.wait = 1min});
  h.expect<Done>(EndDrain{});
  CHECK(h.answered<Drained>(drain).running == 1);
  const TaskId id = h.submit();
  CHECK(h.lease_one().id == id);
  h.expect<Done>(EndDrain{});  // a repeat, whose answer was lost, is none the worse
}

TEST_CASE("who gave up waiting for a drain is forgotten") {
  Harness h;
  h.submit();
  const TaskView held = h.lease_one();
  const Ticket drain = h.park(Drain{.wait = 1min});
  h.call(Abandon{drain});
  h.complete(held);
  CHECK_FALSE(h.answer(drain).has_value());
}

TEST_CASE("when the process stops nobody waits for the drain any longer") {
  Harness h;
  h.submit();
  const TaskView held = h.lease_one();
  const Ticket drain = h.park(Drain{.wait = 1min});
  h.expect<Drained>(Drain{.stopping = true});
  CHECK(h.answered<Drained>(drain).running == 1);
  CHECK(h.expect<Drained>(Drain{.wait = 1min}).running == 1);
  h.complete(held);
}

}  // namespace
}  // namespace quern::engine::testing
