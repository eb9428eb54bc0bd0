// Parked calls: leases waiting for a ready task, readers waiting for a task's end.

#include "harness.h"

namespace quern::engine::testing {
namespace {

Lease waiting_lease(std::vector<std::string> queues = {"q"}, std::uint32_t tasks_max = 1) {
  return {.queues = std::move(queues), .tasks_max = tasks_max, .wait = 1min};
}

// What a parked lease was answered with; fails the test while it is parked.
std::vector<TaskId> leased_by(Harness& h, Ticket ticket) {
  const std::optional<Outcome> outcome = h.answer(ticket);
  REQUIRE(outcome.has_value());
  return ids_of(std::get<Leased>(*outcome).tasks);
}

TEST_CASE("one ready task wakes one waiter, who parked first") {
  Harness h;
  const Ticket first = h.park(waiting_lease());
  const Ticket second = h.park(waiting_lease());
  const TaskId one = h.submit();
  CHECK(leased_by(h, first) == std::vector{one});
  CHECK_FALSE(h.answer(second).has_value());
  const TaskId two = h.submit();
  CHECK(leased_by(h, second) == std::vector{two});
  CHECK(h.violations() == "");
}

TEST_CASE("a batch is shared out among the waiters, each as much as it asked for") {
  Harness h;
  const Ticket greedy = h.park(waiting_lease({"q"}, 3));
  const Ticket modest = h.park(waiting_lease());
  const Ticket late = h.park(waiting_lease({"q"}, 9));
  const Ticket last = h.park(waiting_lease());
  const std::vector<TaskId> ids = h.submit_many(5);
  CHECK(leased_by(h, greedy) == std::vector{ids[0], ids[1], ids[2]});
  CHECK(leased_by(h, modest) == std::vector{ids[3]});
  CHECK(leased_by(h, late) == std::vector{ids[4]});
  CHECK_FALSE(h.answer(last).has_value());
}

TEST_CASE("a waiter stands in the line of each of its queues, and leaves all when served") {
  Harness h;
  const Ticket both = h.park(waiting_lease({"a", "b", "a"}));
  const Ticket only_b = h.park(waiting_lease({"b"}));
  const TaskId a = h.submit({.queue = "a"});
  CHECK(leased_by(h, both) == std::vector{a});
  const TaskId b = h.submit({.queue = "b"});
  CHECK(leased_by(h, only_b) == std::vector{b});
  CHECK(h.lease({"a", "b"}).empty());
}

TEST_CASE("whatever makes a task ready wakes a waiter") {
  using Cause = void (*)(Harness&, const TaskView& held);
  const QueueSettings settings{
      .retry = {.strategy = RetryStrategy::fixed, .base = 1s, .jitter = false}, .lease = 10s};
  for (const Cause cause : {
           Cause{[](Harness&h, const TaskView&held) { h.release(held); }},
           Cause{[](Harness&h, const TaskView&held) { h.fail(held, true, 0s); }},
           Cause{[](Harness&h, const TaskView&held) { h.fail(held), h.advance(1s); }},
           Cause{[](Harness&h, const TaskView&held) { h.release(held, 2s), h.advance(2s); }},
           Cause{[](Harness&h, const TaskView&) { h.advance(10s), h.advance(1s); }},
           Cause{[](Harness&h, const TaskView&held) {
             h.fail(held, false);
             h.expect<OneTask>(RedriveTask{held.id});
           }},
           Cause{[](Harness&h, const TaskView&held) {
             h.fail(held, false);
             h.expect<Counted>(RedriveDead{.name = "q"});
           }},
           Cause{[](Harness&h, const TaskView&held) {
             h.call(Undelivered{{{held.id, held.status.lease().token()}}});
           }},
       }) {
    Harness h;
    h.configure("q", settings);
    const TaskId id = h.submit();
    const TaskView held = h.lease_one();
    const Ticket ticket = h.park(waiting_lease());
    cause(h, held);
    CHECK(leased_by(h, ticket) == std::vector{id});
    CHECK(h.violations() == "");
  }
}

TEST_CASE("a delayed task wakes a waiter when its time has come") {
  Harness h;
  const TaskId id = h.submit({.delay = 10s});
  const Ticket ticket = h.park(waiting_lease());
  h.advance(9'999ms);
  CHECK_FALSE(h.answer(ticket).has_value());
  h.advance(1ms);
  CHECK(leased_by(h, ticket) == std::vector{id});
}

TEST_CASE("one can wait on a queue that does not exist yet") {
  Harness h;
  const Ticket submitted = h.park(waiting_lease({"new"}));
  const TaskId id = h.submit({.queue = "new"});
  CHECK(leased_by(h, submitted) == std::vector{id});
  CHECK(h.refusal(GetQueue{"other"}) == ErrorCode::queue_not_found);
  const Ticket redriven = h.park(waiting_lease({"other"}));
  const TaskId dead = h.submit_dead();
  h.expect<Counted>(RedriveDead{.name = "q", .to_queue = "other"});
  CHECK(leased_by(h, redriven) == std::vector{dead});
}

TEST_CASE("one can wait on a queue that is deleted and made anew") {
  Harness h;
  h.submit_many(10, {.delay = 1h});
  const Ticket ticket = h.park(waiting_lease());
  h.expect<Done>(DeleteQueue{"q", true});
  CHECK_FALSE(h.answer(ticket).has_value());
  const TaskId id = h.submit();
  CHECK(leased_by(h, ticket) == std::vector{id});
}

TEST_CASE("who is served in vain gets an empty list when its time is over") {
  Harness h;
  const Ticket ticket = h.park(waiting_lease());
  h.advance(59'999ms);
  CHECK_FALSE(h.answer(ticket).has_value());
  h.advance(1ms);
  CHECK(leased_by(h, ticket).empty());
  h.submit();
  CHECK(h.count(TaskState::ready) == 1);
}

TEST_CASE("a task that becomes ready as the wait ends is given out") {
  Harness h;
  const TaskId id = h.submit({.delay = 1min});
  const Ticket ticket = h.park(waiting_lease());
  h.advance(1min);
  CHECK(leased_by(h, ticket) == std::vector{id});
}

TEST_CASE("the wait is measured in steady time") {
  Harness h;
  const Ticket ticket = h.park(waiting_lease());
  h.jump_wall(24h);
  CHECK_FALSE(h.answer(ticket).has_value());
  h.jump_wall(-48h);
  h.advance(1min);
  CHECK(leased_by(h, ticket).empty());
}

TEST_CASE("an abandoned call takes nothing and is not answered") {
  Harness h;
  const Ticket gone = h.park(waiting_lease());
  const Ticket there = h.park(waiting_lease());
  h.call(Abandon{gone});
  h.call(Abandon{gone});
  h.call(Abandon{12'345});
  const TaskId id = h.submit();
  CHECK_FALSE(h.answer(gone).has_value());
  CHECK(leased_by(h, there) == std::vector{id});
  h.advance(1h);
  CHECK_FALSE(h.answer(gone).has_value());
}

TEST_CASE("a paused queue gives nothing until it is resumed") {
  for (const bool by_patch : {false, true}) {
    Harness h;
    h.expect<OneQueue>(PutQueue{"q", {}});
    h.expect<OneQueue>(PauseQueue{"q"});
    const Ticket ticket = h.park(waiting_lease());
    const TaskId id = h.submit();
    CHECK_FALSE(h.answer(ticket).has_value());
    CHECK(h.lease().empty());
    h.restart();
    CHECK(h.lease().empty());
    const Ticket after_restart = h.park(waiting_lease());
    if (by_patch) {
      h.expect<OneQueue>(PatchQueue{"q", R"({"paused": false})"});
    } else {
      h.expect<OneQueue>(PauseQueue{"q", false});
    }
    CHECK(leased_by(h, after_restart) == std::vector{id});
  }
}

TEST_CASE("a waiter on a paused queue and another is served from the other") {
  Harness h;
  h.submit({.queue = "paused"});
  h.expect<OneQueue>(PauseQueue{"paused"});
  const Ticket ticket = h.park(waiting_lease({"paused", "q"}));
  const TaskId id = h.submit();
  CHECK(leased_by(h, ticket) == std::vector{id});
}

TEST_CASE("what a parked lease settled is done at once and answered with the lease") {
  Harness h;
  h.submit();
  const TaskView held = h.lease_one();
  for (const bool in_time : {true, false}) {
    SettleItem item = Harness::item(SettleVerb::complete, held);
    item.result = "1";
    Lease command = waiting_lease();
    command.settle.push_back(item);
    const Ticket ticket = h.park(std::move(command));
    CHECK(h.state(held.id) == TaskState::succeeded);
    if (in_time) {
      h.submit();
    } else {
      h.advance(1min);
    }
    const std::optional<Outcome> outcome = h.answer(ticket);
    REQUIRE(outcome.has_value());
    const Leased& answer = std::get<Leased>(*outcome);
    CHECK(answer.tasks.size() == (in_time ? 1 : 0));
    REQUIRE(answer.settled.size() == 1);
    CHECK(std::get<TaskView>(answer.settled[0].outcome).state() == TaskState::succeeded);
  }
}

TEST_CASE("a lease that only settles does not wait") {
  Harness h;
  h.submit();
  const Leased answer = h.expect<Leased>(Lease{.queues = {"q"}, .tasks_max = 0, .wait = 1min});
  CHECK(answer.tasks.empty());
  CHECK(h.count(TaskState::ready) == 1);
}

TEST_CASE("a stop answers every parked call at once") {
  Harness h;
  const TaskId id = h.submit();
  h.lease_one();
  const Ticket lease = h.park(waiting_lease());
  const Ticket task = h.park(WaitTask{id, 1min});
  h.expect<Drained>(Drain{.stopping = true});
  CHECK(leased_by(h, lease).empty());
  CHECK(h.answer(task).has_value());
  h.expect<Done>(WaitTask{id, 1min});
}

TEST_CASE("who waits for a task learns of its end, whichever it is") {
  using Ending = void (*)(Harness&, const TaskView& held);
  for (const Ending ending : {
           Ending{[](Harness&h, const TaskView&held) { h.complete(held); }},
           Ending{[](Harness&h, const TaskView&held) { h.fail(held, false); }},
           Ending{[](Harness&h, const TaskView&held) { h.expect<OneTask>(CancelTask{held.id}); }},
           Ending{[](Harness&h, const TaskView&) { h.advance(30s); }},
           Ending{[](Harness&h, const TaskView&) {
             h.expect<Done>(DeleteQueue{"q", true});
           }},
       }) {
    Harness h;
    const TaskId id = h.submit({.max_attempts = 1, .lease = 30s});
    const TaskView held = h.lease_one();
    const Ticket one = h.park(WaitTask{id, 1min});
    const Ticket two = h.park(WaitTask{id, 1min});
    h.heartbeat(held);
    CHECK_FALSE(h.answer(one).has_value());
    ending(h, held);
    CHECK(h.answer(one).has_value());
    CHECK(h.answer(two).has_value());
  }
}

TEST_CASE("a wait for a task ends in time, or at once when there is nothing to wait for") {
  Harness h;
  const TaskId id = h.submit();
  const Ticket ticket = h.park(WaitTask{id, 10s});
  h.advance(9'999ms);
  CHECK_FALSE(h.answer(ticket).has_value());
  h.advance(1ms);
  CHECK(h.answer(ticket).has_value());
  h.complete(h.lease_one());
  h.expect<Done>(WaitTask{id, 10s});
  h.expect<Done>(WaitTask{TaskId::from({.unix_ms = 1}), 10s});
  const TaskId other = h.submit();
  const Ticket abandoned = h.park(WaitTask{other, 10s});
  h.call(Abandon{abandoned});
  h.complete(h.lease_one());
  CHECK_FALSE(h.answer(abandoned).has_value());
}

TEST_CASE("no waiter is left on a queue that was emptied under it") {
  Harness h;
  h.submit();
  h.expect<OneQueue>(PauseQueue{"q"});
  const Ticket ticket = h.park(waiting_lease());
  h.expect<Counted>(PurgeQueue{"q", {TaskState::ready}});
  h.expect<OneQueue>(PauseQueue{"q", false});
  CHECK_FALSE(h.answer(ticket).has_value());
  h.submit();
  CHECK(h.answer(ticket).has_value());
}

}  // namespace
}  // namespace quern::engine::testing
