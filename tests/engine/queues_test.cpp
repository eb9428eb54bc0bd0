// Queues: made, counted, listed, purged, deleted.

#include "harness.h"

namespace quern::engine::testing {
namespace {

TEST_CASE("counts and the age of the oldest ready task are exact") {
  Harness h;
  h.submit({.delay = 1h});
  h.submit_dead();
  h.submit({.priority = 9});
  h.complete(h.lease_one());
  h.expect<OneTask>(CancelTask{h.submit()});
  h.submit();
  h.fail(h.lease_one(), true, 1h);
  h.submit();
  h.lease_one();
  h.submit({.priority = 2});
  h.advance(3s);
  h.submit({.priority = 8});
  for (const bool restarted : {false, true}) {
    if (restarted) h.restart();
    const QueueView view = h.queue();
    const auto count = [&](TaskState state) {
      return view.counts[static_cast<std::size_t>(state)];
    };
    CHECK(count(TaskState::blocked) == 0);
    CHECK(count(TaskState::scheduled) == 1);
    CHECK(count(TaskState::ready) == 2);
    CHECK(count(TaskState::running) == 1);
    CHECK(count(TaskState::retrying) == 1);
    CHECK(count(TaskState::dead) == 1);
    CHECK(count(TaskState::succeeded) == 1);
    CHECK(count(TaskState::cancelled) == 1);
    CHECK(view.oldest_ready_age == std::optional<Duration>(3s));
  }
  h.lease({"q"}, 2);
  CHECK_FALSE(h.queue().oldest_ready_age.has_value());
}

TEST_CASE("the oldest ready task is counted from when it became ready, and never as negative") {
  Harness h;
  h.submit({.delay = 10s});
  h.advance(12s);
  CHECK(h.queue().oldest_ready_age == std::optional<Duration>(2s));
  h.jump_wall(-1h);
  CHECK(h.queue().oldest_ready_age == std::optional<Duration>(0s));
}

TEST_CASE("queues are listed by name, page by page") {
  Harness h;
  for (const char* name : {"d", "a", "c", "B", "a:x"}) h.configure(name, {});
  const QueuePage first = h.expect<QueuePage>(ListQueues{"", 3});
  REQUIRE(first.queues.size() == 3);
  CHECK(first.queues[0].name == "B");
  CHECK(first.queues[1].name == "a");
  CHECK(first.queues[2].name == "a:x");
  CHECK(first.more);
  h.expect<Done>(DeleteQueue{"a:x"});  // the cursor's own queue may be gone
  const QueuePage second = h.expect<QueuePage>(ListQueues{"a:x", 2});
  REQUIRE(second.queues.size() == 2);
  CHECK(second.queues[0].name == "c");
  CHECK(second.queues[1].name == "d");
  CHECK_FALSE(second.more);
  CHECK(h.expect<QueuePage>(ListQueues{"d", 2}).queues.empty());
}

TEST_CASE("a queue with unfinished or dead tasks is deleted only by force") {
  using Fill = void (*)(Harness&);
  for (const Fill fill :
       {Fill{[](Harness& h) { h.submit(); }}, Fill{[](Harness& h) { h.submit({.delay = 1h}); }},
        Fill{[](Harness& h) { h.submit(), h.lease_one(); }},
        Fill{[](Harness& h) { h.submit(), h.fail(h.lease_one(), true, 1h); }},
        Fill{[](Harness& h) { h.submit_dead(); }}}) {
    Harness h;
    fill(h);
    CHECK(h.refusal(DeleteQueue{"q"}) == ErrorCode::queue_not_empty);
    CHECK(h.queue().name == "q");
    h.expect<Done>(DeleteQueue{"q", true});
    CHECK(h.refusal(GetQueue{"q"}) == ErrorCode::queue_not_found);
    CHECK(h.violations() == "");
  }
}

TEST_CASE("finished tasks go with their queue") {
  Harness h;
  const TaskId done = h.submit({.key = "k", .correlation = "c"});
  h.complete(h.lease_one());
  h.expect<Done>(DeleteQueue{"q"});
  CHECK_FALSE(h.get(done).has_value());
  CHECK(h.submit({.key = "k"}) != done);
  CHECK(h.refusal(DeleteQueue{"none"}) == ErrorCode::queue_not_found);
  CHECK(h.violations() == "");
}

TEST_CASE("a name is free at once, while the large queue that had it is still being removed") {
  for (const bool restarts : {false, true}) {
    Harness h(1, {.tick_tasks_max = 10, .job_tasks_max = 10});
    h.configure("q", {.max_attempts = 9});
    const std::vector<TaskId> old = h.submit_many(100, {.key = ""});
    h.submit({.key = "k"});
    const std::vector<TaskView> held = h.lease({"q"}, 5);
    const Ticket ticket = h.begin(DeleteQueue{"q", true});
    h.tick();

    CHECK(h.get(old[99]).has_value());
    const Ticket ask = h.begin(GetQueue{"q"});
    CHECK(h.answered<Error>(ask).code == ErrorCode::queue_not_found);
    const Ticket take = h.begin(Lease{.queues = {"q"}});
    CHECK(h.answered<Leased>(take).tasks.empty());
    const Ticket submit = h.begin(Submit{.tasks = {new_task({.key = "k"})}});
    const Submitted fresh = h.answered<Submitted>(submit);
    CHECK_FALSE(fresh.replayed);
    CHECK_FALSE(h.answer(ticket).has_value());
    if (restarts) h.restart();

    CHECK(h.queue().settings == QueueSettings{});
    CHECK(h.count(TaskState::ready) == 1);
    CHECK(h.lease_ids(10) == std::vector{fresh.tasks[0].id});
    h.settle_down();
    if (!restarts) CHECK(h.answer(ticket).has_value());
    for (const TaskId& id : old) CHECK_FALSE(h.get(id).has_value());
    CHECK(h.refusal(SettleOne{Harness::item(SettleVerb::complete, held[0])}) ==
          ErrorCode::task_not_found);
    CHECK(h.violations() == "");
    h.restart();
    CHECK(h.expect<QueuePage>(ListQueues{}).queues.size() == 1);
  }
}

TEST_CASE("what happens to a queue's tasks while it is being removed stays with the old queue") {
  Harness h(1, {.tick_tasks_max = 3, .job_tasks_max = 3});
  h.configure("q", {.retry = {.strategy = RetryStrategy::fixed, .base = 1s, .jitter = false},
                    .lease = 10s});
  h.submit_many(30);
  h.submit_many(30, {.delay = 5s});
  h.submit_many(30, {.ttl = 5s});
  h.lease({"q"}, 10);
  h.begin(DeleteQueue{"q", true});
  const Ticket waiter = h.begin(Lease{.queues = {"q"}, .wait = 1h});
  for (int i = 0; i < 100; ++i) {
    h.now.wall = h.now.wall + 1s;
    h.now.steady += 1s;
    h.tick();
  }
  h.settle_down();
  CHECK_FALSE(h.answer(waiter).has_value());
  CHECK(h.violations() == "");
  CHECK(h.expect<QueuePage>(ListQueues{}).queues.empty());
}

TEST_CASE("a purge takes the states it names and nothing else") {
  const TaskState purgeable[] = {TaskState::scheduled, TaskState::ready,     TaskState::retrying,
                                 TaskState::dead,      TaskState::succeeded, TaskState::cancelled};
  for (const TaskState purged : purgeable) {
    CAPTURE(purged);
    Harness h(1, {.tick_tasks_max = 3, .job_tasks_max = 3});
    for (int i = 0; i < 4; ++i) {
      h.submit({.delay = 1h});
      h.submit_dead();
      h.submit();
      h.complete(h.lease_one());
      h.expect<OneTask>(CancelTask{h.submit()});
      h.submit();
      h.fail(h.lease_one(), true, 1h);
    }
    h.submit_many(8);
    h.lease({"q"}, 4);
    CHECK(h.expect<Counted>(PurgeQueue{"q", {purged}}).count == 4);
    for (const TaskState state : purgeable) CHECK(h.count(state) == (state == purged ? 0 : 4));
    CHECK(h.count(TaskState::running) == 4);
    CHECK(h.violations() == "");
  }
}

TEST_CASE("a purge reaches tasks that were redriven into the queue") {
  Harness h;
  const TaskId moved = h.submit_dead({.queue = "home"});
  h.expect<Counted>(RedriveDead{.name = "home", .to_queue = "q"});
  const TaskId own = h.submit();
  CHECK(h.expect<Counted>(PurgeQueue{"home", {TaskState::ready}}).count == 0);
  CHECK(h.expect<Counted>(PurgeQueue{"q", {TaskState::ready, TaskState::dead}}).count == 2);
  CHECK_FALSE(h.get(moved).has_value());
  CHECK_FALSE(h.get(own).has_value());
  CHECK(h.violations() == "");
}

TEST_CASE("a purge leaves alone what is submitted while it goes on") {
  Harness h(1, {.tick_tasks_max = 5, .job_tasks_max = 5});
  h.submit_many(50);
  const Ticket ticket = h.begin(PurgeQueue{"q", {TaskState::ready}});
  h.tick();
  h.now.wall = h.now.wall + 1ms;
  h.begin(Submit{.tasks = {new_task({})}});
  h.settle_down();
  CHECK(h.answered<Counted>(ticket).count == 50);
  CHECK(h.count(TaskState::ready) == 1);
  CHECK(h.lease().size() == 1);
}

TEST_CASE("a purge of a queue that is deleted meanwhile is answered") {
  Harness h(1, {.tick_tasks_max = 5, .job_tasks_max = 5});
  h.submit_many(50);
  const Ticket purge = h.begin(PurgeQueue{"q", {TaskState::ready}});
  const Ticket remove = h.begin(DeleteQueue{"q", true});
  h.settle_down();
  CHECK(h.answer(purge).has_value());
  CHECK(h.answer(remove).has_value());
  CHECK(h.refusal(PurgeQueue{"q", {TaskState::ready}}) == ErrorCode::queue_not_found);
  CHECK(h.violations() == "");
}

TEST_CASE("PUT makes a queue or sets all of it, and pause and resume keep the rest") {
  Harness h;
  h.configure("q", {.max_attempts = 3, .ttl = 1h});
  h.expect<OneQueue>(PauseQueue{"q"});
  CHECK(h.queue().settings == QueueSettings{.max_attempts = 3, .ttl = 1h, .paused = true});
  h.expect<OneQueue>(PauseQueue{"q", false});
  CHECK(h.queue().settings == QueueSettings{.max_attempts = 3, .ttl = 1h});
  h.configure("q", {.lease = 5s});
  CHECK(h.queue().settings == QueueSettings{.lease = 5s});
  CHECK(h.refusal(PauseQueue{"none"}) == ErrorCode::queue_not_found);
}

TEST_CASE("a purge ends although tasks are submitted faster than it goes") {
  Harness h(1, {.tick_tasks_max = 4, .job_tasks_max = 4});
  h.submit_many(10);
  const Ticket purging = h.begin(PurgeQueue{"q", {TaskState::ready}});
  for (int tick = 0; tick < 8; ++tick) {
    h.now.wall = h.now.wall + Duration{1};
    Submit more{.tasks = {}, .batch = true};
    for (int i = 0; i < 8; ++i) more.tasks.push_back(new_task({}));
    h.begin(std::move(more));
    h.tick();
  }
  CHECK(h.answered<Counted>(purging).count == 10);
}

}  // namespace
}  // namespace quern::engine::testing
