// In which order tasks are leased: highest priority first, then ready longest, then submitted
// first.

#include <algorithm>

#include "harness.h"

namespace quern::engine::testing {
namespace {

// As many as there are, one call each.
std::vector<TaskId> drain(Harness& h, const std::vector<std::string>& queues = {"q"}) {
  std::vector<TaskId> order;
  for (;;) {
    const std::vector<TaskView> leased = h.lease(queues, 1, 12h);
    if (leased.empty()) return order;
    order.push_back(leased[0].id);
  }
}

TEST_CASE("tasks of one priority are leased in order of submission") {
  Harness h;
  const std::vector<TaskId> ids = h.submit_many(20);
  CHECK(drain(h) == ids);
}

TEST_CASE("a higher priority goes first, over all queues named") {
  Harness h;
  std::vector<TaskId> expected(10);
  for (const std::uint32_t priority : {3u, 9u, 0u, 5u, 7u, 1u, 8u, 2u, 6u, 4u}) {
    const std::string queue = priority % 2 == 0 ? "even" : "odd";
    expected[9 - priority] = h.submit({.queue = queue, .priority = priority});
  }
  CHECK(drain(h, {"odd", "even"}) == expected);
}

TEST_CASE("queues take turns by how long their tasks are ready, whichever is named first") {
  for (const std::vector<std::string>& queues :
       {std::vector<std::string>{"a", "b"}, {"b", "a"}, {"b", "none", "a", "b"}}) {
    Harness h;
    std::vector<TaskId> expected;
    for (const char* queue : {"a", "b", "b", "a", "b"}) {
      expected.push_back(h.submit({.queue = queue}));
      h.advance(1ms);
    }
    CHECK(drain(h, queues) == expected);
  }
}

TEST_CASE("within one millisecond queues are served in order of submission") {
  Harness h;
  std::vector<TaskId> expected;
  for (const char* queue : {"b", "a", "b", "a"}) expected.push_back(h.submit({.queue = queue}));
  CHECK(drain(h, {"a", "b"}) == expected);
}

TEST_CASE("one lease takes the best of all its queues") {
  Harness h;
  const TaskId low = h.submit({.queue = "a", .priority = 1});
  const TaskId high = h.submit({.queue = "b", .priority = 9});
  const TaskId middle = h.submit({.queue = "a", .priority = 5});
  CHECK(ids_of(h.lease({"a", "b"}, 3)) == std::vector{high, middle, low});
}

TEST_CASE("a released task keeps its place") {
  Harness h;
  std::vector<TaskId> ids;
  for (int i = 0; i < 4; ++i) {
    ids.push_back(h.submit());
    h.advance(10ms);
  }
  const std::vector<TaskView> leased = h.lease({"q"}, 2);
  h.release(leased[1]);
  h.release(leased[0]);
  CHECK(h.view(ids[0]).status.attempts() == 0);
  h.restart();
  CHECK(drain(h) == ids);
}

TEST_CASE("a task released for later takes the place of the time it is ready again") {
  Harness h;
  const TaskId first = h.submit();
  h.release(h.lease_one(), 100ms);
  const TaskId second = h.submit();
  CHECK(h.state(first) == TaskState::scheduled);
  h.advance(200ms);
  const TaskId third = h.submit();
  CHECK(drain(h) == std::vector{second, first, third});
}

TEST_CASE("delayed tasks are leased in the order in which they became ready") {
  Harness h;
  const TaskId last = h.submit({.delay = 3s});
  const TaskId first = h.submit({.delay = 1s});
  h.advance(1500ms);
  const TaskId fresh = h.submit();
  const TaskId third = h.submit({.delay = 500ms});
  h.advance(10s);
  CHECK(drain(h) == std::vector{first, fresh, third, last});
}

TEST_CASE("those that became ready while nobody looked are not leased by when they were noticed") {
  Harness h(1, {.tick_tasks_max = 1});
  std::vector<TaskId> ids;
  for (int i = 5; i > 0; --i) ids.push_back(h.submit({.delay = std::chrono::seconds(i)}));
  h.restart();
  h.advance(1h);
  std::reverse(ids.begin(), ids.end());
  CHECK(drain(h) == ids);
}

TEST_CASE("retried and redriven tasks stand behind those that were ready before them") {
  Harness h;
  h.configure("q", {.retry = {.strategy = RetryStrategy::fixed, .base = 1s, .jitter = false}});
  const TaskId retried = h.submit();
  h.fail(h.lease_one());
  const TaskId dead = h.submit_dead();
  const TaskId early = h.submit();
  h.advance(2s);
  h.expect<OneTask>(RedriveTask{dead});
  h.advance(1ms);
  const TaskId late = h.submit();
  CHECK(drain(h) == std::vector{early, retried, dead, late});
}

// 5,000 tasks through windows of 16, one in three delayed, restarted again and again.
TEST_CASE("a large backlog is leased in exact order through small windows and restarts") {
  Harness h(3, {.window_entries = 16, .tick_tasks_max = 64});
  struct Expected {
    std::uint32_t priority;
    std::int64_t ready_at;
    TaskId id;
    bool operator<(const Expected& other) const {
      if (priority != other.priority) return priority > other.priority;
      return std::tie(ready_at, id) < std::tie(other.ready_at, other.id);
    }
  };
  std::vector<Expected> expected;
  for (int i = 0; i < 5'000; ++i) {
    SubmitOptions options{.priority = static_cast<std::uint32_t>(h.random().below(3))};
    if (i % 3 == 0) options.delay = Duration{static_cast<std::int64_t>(h.random().below(5'000))};
    const TaskId id = h.submit(options);
    const Duration delay = options.delay.value_or(0ms);
    expected.push_back({options.priority, (h.now.wall + delay).ms, id});
    if (i % 50 == 0) h.advance(20ms);
    if (i % 700 == 0) h.restart();
  }
  h.advance(10s);
  std::sort(expected.begin(), expected.end());
  h.configure("q", {.lease = 12h});

  std::vector<TaskId> order;
  for (int round = 0; order.size() < expected.size(); ++round) {
    const std::vector<TaskId> leased = h.lease_ids(static_cast<std::uint32_t>(1 + round % 37));
    REQUIRE_FALSE(leased.empty());
    order.insert(order.end(), leased.begin(), leased.end());
    if (round % 20 == 0) h.restart();
    if (round % 50 == 0) REQUIRE(h.violations() == "");
  }
  for (std::size_t i = 0; i < expected.size(); ++i) REQUIRE(order[i] == expected[i].id);
}

TEST_CASE("the order holds while tasks are taken out of the middle, and more come in") {
  Harness h(5, {.window_entries = 16});
  std::vector<TaskId> ids = h.submit_many(600);
  std::vector<TaskId> left;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i % 7 == 0 || (i > 100 && i < 200)) {
      h.expect<OneTask>(CancelTask{ids[i]});
    } else {
      left.push_back(ids[i]);
    }
    if (i % 97 == 0) h.restart();
  }
  std::vector<TaskId> order;
  while (order.size() < 300) {
    const TaskView leased = h.lease({"q"}, 1, 12h).at(0);
    order.push_back(leased.id);
    if (order.size() % 90 == 0) {
      h.restart();
      left.push_back(h.submit());
    }
  }
  for (const TaskId& id : drain(h)) order.push_back(id);
  CHECK(order == left);
  CHECK(h.violations() == "");
}

TEST_CASE("after a purge of a large backlog new tasks are found, and a restart finds them too") {
  for (const bool restart_before : {false, true}) {
    Harness h(7, {.window_entries = 16, .tick_tasks_max = 50});
    h.submit_many(500);
    h.submit_many(40, {.delay = 1s});
    h.advance(2s);
    CHECK(h.lease_ids(3).size() == 3);
    CHECK(h.expect<Counted>(PurgeQueue{"q", {TaskState::ready}}).count == 537);
    if (restart_before) h.restart();
    const TaskId delayed = h.submit({.delay = 1s});
    h.advance(1s);
    const TaskId fresh = h.submit();
    h.restart();
    CHECK(drain(h) == std::vector{delayed, fresh});
    CHECK(h.violations() == "");
  }
}

}  // namespace
}  // namespace quern::engine::testing
