// Settings bind late: what waits in a queue follows its settings as they are when it matters.

#include "harness.h"

namespace quern::engine::testing {
namespace {

const RetryPolicy ten_seconds{
    .strategy = RetryStrategy::fixed, .base = 10s, .max = 1h, .jitter = false};

QueueSettings attempts(std::uint32_t max_attempts) {
  return {.max_attempts = max_attempts, .retry = ten_seconds};
}

TEST_CASE("a limit on attempts that is raised while a task waits gives it more of them") {
  Harness h;
  h.configure("q", attempts(1));
  const TaskId id = h.submit();
  const TaskView leased = h.lease_one();
  h.configure("q", attempts(2));
  CHECK(h.fail(leased).state() == TaskState::retrying);
  h.advance(10s);
  CHECK(h.fail(h.lease_one()).state() == TaskState::dead);
  CHECK(h.view(id).status.attempts() == 2);
}

TEST_CASE("a limit that is lowered ends a retrying task when its backoff is over") {
  Harness h;
  h.configure("q", attempts(3));
  const TaskId id = h.submit();
  h.fail(h.lease_one());
  h.configure("q", attempts(1));
  CHECK(h.state(id) == TaskState::retrying);
  h.advance(10s);
  const TaskView dead = h.view(id);
  CHECK(dead.state() == TaskState::dead);
  CHECK(static_cast<DeadReason>(dead.status.dead_reason()) == DeadReason::max_attempts);
  CHECK(dead.failures.size() == 1);
  CHECK(h.violations() == "");
}

TEST_CASE("a limit that is lowered ends a ready task when it would be leased") {
  Harness h;
  h.configure("q", attempts(3));
  const TaskId tired = h.submit();
  h.fail(h.lease_one());
  h.advance(10s);
  CHECK(h.state(tired) == TaskState::ready);
  h.configure("q", attempts(1));
  const TaskId other = h.submit();
  CHECK(h.lease_one().id == other);
  CHECK(h.state(tired) == TaskState::dead);
  CHECK(h.violations() == "");
}

TEST_CASE("a task's own limit outranks its queue's") {
  Harness h;
  h.configure("q", attempts(1));
  h.submit({.max_attempts = 2});
  CHECK(h.fail(h.lease_one()).state() == TaskState::retrying);
  h.advance(10s);
  CHECK(h.fail(h.lease_one()).state() == TaskState::dead);
}

// One call buries no more than a tick's work; who waits is served when the rest is done.
TEST_CASE("a backlog that has run out of attempts holds nobody up and hides nobody") {
  Harness h(1, {.tick_tasks_max = 4});
  h.configure("q", attempts(2));
  h.submit_many(30);
  for (const TaskView& leased : h.lease({"q"}, 30)) h.fail(leased);
  h.advance(10s);
  h.configure("q", attempts(1));
  const TaskId good = h.submit();

  const Ticket ticket = h.begin(Lease{.queues = {"q"}, .wait = 1min});
  CHECK_FALSE(h.answer(ticket).has_value());
  CHECK(h.dead_ids().size() <= 8);  // once for the call, once for who is parked
  h.settle_down();
  CHECK(h.dead_ids().size() == 30);
  const std::optional<Outcome> outcome = h.answer(ticket);
  REQUIRE(outcome.has_value());
  CHECK(ids_of(std::get<Leased>(*outcome).tasks) == std::vector{good});
  CHECK(h.violations() == "");
}

TEST_CASE("the retry policy is the queue's as it is when the attempt fails") {
  Harness h;
  h.configure("q", attempts(5));
  h.submit();
  const TaskView leased = h.lease_one();
  QueueSettings settings = attempts(5);
  settings.retry.base = 30s;
  h.configure("q", settings);
  CHECK(Timestamp{h.fail(leased).status.run_at()} == h.now.wall + 30s);
}

TEST_CASE("retry_after of a fail outranks the policy") {
  Harness h;
  h.configure("q", attempts(5));
  h.submit_many(2);
  CHECK(Timestamp{h.fail(h.lease_one(), true, 3min).status.run_at()} == h.now.wall + 3min);
  const TaskView at_once = h.fail(h.lease_one(), true, 0s);
  CHECK(h.state(at_once.id) == TaskState::ready);
}

TEST_CASE("a lease is as long as its request says, else its task, else its queue") {
  struct Row {
    std::optional<Duration> request;
    std::optional<Duration> task;
    Duration expected;
  };
  for (const Row& row :
       {Row{{}, {}, 40s}, Row{{}, 50s, 50s}, Row{60s, 50s, 60s}, Row{5s, {}, 5s}}) {
    Harness h;
    h.configure("q", {.lease = 40s});
    h.submit({.lease = row.task});
    const TaskView leased = h.lease({"q"}, 1, row.request).at(0);
    CHECK(Timestamp{leased.status.lease().expires_at()} == h.now.wall + row.expected);
  }
}

TEST_CASE("a time-out is the task's, else its queue's as it is then") {
  struct Row {
    std::optional<Duration> queue;
    std::optional<Duration> task;
    Duration expected;
  };
  for (const Row& row : {Row{{}, {}, 1min}, Row{20s, {}, 20s}, Row{20s, 30s, 30s},
                         Row{{}, 30s, 30s}, Row{2min, {}, 1min}}) {
    Harness h;
    h.submit({.timeout = row.task});
    h.configure("q", {.lease = 1min, .timeout = row.queue});
    CHECK(Timestamp{h.lease_one().status.lease().expires_at()} == h.now.wall + row.expected);
  }
}

TEST_CASE("a queue's ttl holds for tasks submitted without one of their own") {
  Harness h;
  h.configure("q", {.ttl = 10s});
  const TaskId queues = h.submit();
  const TaskId own = h.submit({.ttl = 20s});
  h.advance(10s);
  CHECK(h.state(queues) == TaskState::dead);
  CHECK(h.state(own) == TaskState::ready);
}

TEST_CASE("settings survive a restart whole") {
  const QueueSettings settings{.max_attempts = 7,
                               .retry = {.strategy = RetryStrategy::linear,
                                         .base = 1s,
                                         .factor = 3,
                                         .max = 9s,
                                         .jitter = false},
                               .lease = 33s,
                               .timeout = 44s,
                               .ttl = 55s,
                               .retention = 66s,
                               .dead_retention = 77s,
                               .idempotency_window = 88s,
                               .max_backlog = 99,
                               .paused = true};
  Harness h;
  h.configure("q", settings);
  h.configure("defaults", {});
  h.restart();
  CHECK(h.queue("q").settings == settings);
  CHECK(h.queue("defaults").settings == QueueSettings{});
}

TEST_CASE("PATCH changes what it names, and a bad one nothing") {
  Harness h;
  h.configure("q", {.max_attempts = 7, .timeout = 44s});
  h.expect<OneQueue>(PatchQueue{"q", R"({"lease_ms": 5000, "timeout_ms": null})"});
  QueueSettings expected{.max_attempts = 7, .lease = 5s};
  CHECK(h.queue().settings == expected);
  CHECK(h.refusal(PatchQueue{"q", R"({"lease_ms": 7000, "max_attempts": 0})"}) ==
        ErrorCode::invalid_argument);
  CHECK(h.queue().settings == expected);
  CHECK(h.refusal(PatchQueue{"other", "{}"}) == ErrorCode::queue_not_found);
}

}  // namespace
}  // namespace quern::engine::testing
