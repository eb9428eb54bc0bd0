// Questions answered from the store: one task, lists, dead letters.

#include <algorithm>

#include "harness.h"

namespace quern::engine::testing {
namespace {

// All pages, put together; checks that none is longer than asked for.
std::vector<TaskId> list_all(Harness& h, TaskQuery query) {
  std::vector<TaskId> ids;
  for (int pages = 0;; ++pages) {
    REQUIRE(pages < 1'000);
    Result<TaskPage> page = list_tasks(h.store(), query);
    REQUIRE(page.has_value());
    CHECK(page->tasks.size() <= query.limit);
    for (const TaskView& view : page->tasks) ids.push_back(view.id);
    if (!page->next) return ids;
    query.after = page->next;
  }
}

std::vector<TaskId> list_all_dead(Harness& h, std::size_t limit) {
  std::vector<TaskId> ids;
  std::optional<DeadCursor> cursor;
  for (;;) {
    Result<DeadPage> page = list_dead(h.store(), "q", cursor, limit);
    REQUIRE(page.has_value());
    CHECK(page->tasks.size() <= limit);
    for (const TaskView& view : page->tasks) ids.push_back(view.id);
    if (!page->next) return ids;
    cursor = page->next;
  }
}

TEST_CASE("a task is read whole") {
  Harness h;
  const TaskId id = h.submit({.payload = "[1]", .correlation = "c"});
  h.fail(h.lease_one(), true, 0s);
  h.complete(h.lease_one(), "[2]");
  const TaskView view = h.view(id);
  CHECK(view.payload() == "[1]");
  CHECK(view.result() == "[2]");
  CHECK(view.failures.size() == 1);
  CHECK(view.max_attempts == 5);
  CHECK(view.correlation_id() == "c");
  CHECK_FALSE(h.get(TaskId::from({.unix_ms = 1})).has_value());
}

TEST_CASE("a task's limit on attempts is shown as its queue has it now") {
  Harness h;
  const TaskId id = h.submit();
  h.configure("q", {.max_attempts = 9});
  CHECK(h.view(id).max_attempts == 9);
}

TEST_CASE("a queue's tasks are listed oldest submitted first, whatever became of them") {
  for (const std::size_t limit : {1u, 2u, 3u, 7u, 100u}) {
    CAPTURE(limit);
    Harness h;
    std::vector<TaskId> ids;
    for (std::uint32_t i = 0; i < 20; ++i) {
      SubmitOptions options{.priority = i % 10};
      if (i % 3 == 0) options.delay = 1h;
      ids.push_back(h.submit(options));
      h.submit({.queue = "other"});
    }
    h.complete(h.lease_one());
    h.fail(h.lease_one(), false);
    h.expect<OneTask>(CancelTask{ids[0]});
    h.lease_one();
    CHECK(list_all(h, {.queue = "q", .limit = limit}) == ids);
  }
}

TEST_CASE("lists can be narrowed by state and type") {
  Harness h;
  std::vector<TaskId> done_a;
  std::vector<TaskId> all_a;
  for (int i = 0; i < 30; ++i) {
    const TaskId id = h.submit({.type = i % 3 == 0 ? "a" : "b"});
    if (i % 3 == 0) all_a.push_back(id);
    const TaskView leased = h.lease_one();
    if (i % 2 == 0) {
      h.complete(leased);
      if (i % 3 == 0) done_a.push_back(id);
    } else {
      h.fail(leased, true, 1h);
    }
  }
  for (const std::size_t limit : {1u, 4u, 5u, 10u, 100u}) {
    CHECK(list_all(h, {.queue = "q", .type = "a", .limit = limit}) == all_a);
    CHECK(list_all(h, {.queue = "q", .state = TaskState::succeeded, .type = "a", .limit = limit}) ==
          done_a);
  }
  CHECK(list_all(h, {.queue = "q", .state = TaskState::dead}).empty());
  CHECK(list_all(h, {.queue = "none"}).empty());
}

TEST_CASE("a page that ends where the list ends has no next one") {
  Harness h;
  h.submit_many(4);
  CHECK_FALSE(list_tasks(h.store(), {.queue = "q", .limit = 4})->next.has_value());
  CHECK(list_tasks(h.store(), {.queue = "q", .limit = 3})->next.has_value());
}

TEST_CASE("a correlation id gathers an operation over all queues, its root included") {
  for (const std::size_t limit : {1u, 2u, 100u}) {
    Harness h;
    const TaskId root = h.submit();
    std::vector<TaskId> expected{root};
    for (const char* queue : {"a", "b", "a", "q"}) {
      h.submit({.queue = queue});
      expected.push_back(h.submit({.queue = queue, .correlation = root.text()}));
      h.submit({.queue = queue, .correlation = root.text() + "0"});
    }
    CHECK(list_all(h, {.correlation_id = root.text(), .limit = limit}) == expected);
    CHECK(list_all(h, {.queue = "a", .correlation_id = root.text(), .limit = limit}) ==
          std::vector{expected[1], expected[3]});
    const TaskId named = h.submit({.correlation = "order-7"});
    CHECK(list_all(h, {.correlation_id = "order-7", .limit = limit}) == std::vector{named});
    CHECK(list_all(h, {.correlation_id = "order", .limit = limit}).empty());
    // It is the root of nothing: its correlation id is not its own id.
    CHECK(list_all(h, {.correlation_id = named.text(), .limit = limit}).empty());
  }
}

TEST_CASE("a task that was redriven into another queue is listed there, in its place") {
  Harness h;
  const TaskId first = h.submit({.queue = "other"});
  const TaskId moved = h.submit_dead();
  const TaskId last = h.submit({.queue = "other"});
  h.expect<Counted>(RedriveDead{.name = "q", .to_queue = "other"});
  for (const std::size_t limit : {1u, 100u}) {
    CHECK(list_all(h, {.queue = "other", .limit = limit}) == std::vector{first, moved, last});
    CHECK(list_all(h, {.queue = "q", .limit = limit}).empty());
  }
}

TEST_CASE("every task that is there throughout is listed once while others come and go") {
  Harness h;
  const std::vector<TaskId> ids = h.submit_many(40);
  std::vector<TaskId> seen;
  TaskQuery query{.queue = "q", .limit = 3};
  for (std::size_t page_number = 0;; ++page_number) {
    Result<TaskPage> page = list_tasks(h.store(), query);
    REQUIRE(page.has_value());
    for (const TaskView& view : page->tasks) seen.push_back(view.id);
    if (!page->next) break;
    query.after = page->next;
    if (page_number < 5) h.submit();
    if (page_number < 10) h.complete(h.lease_one());
    // The last one shown, and so the cursor, may be gone when the next page is asked for.
    if (page_number == 3) h.expect<OneTask>(CancelTask{seen.back()});
    if (page_number == 3) h.expect<Counted>(PurgeQueue{"q", {TaskState::cancelled}});
  }
  seen.resize(std::min(seen.size(), ids.size()));
  CHECK(seen == ids);
}

TEST_CASE("a search that finds little stops after a bounded number of tasks and says where") {
  Harness h;
  for (int i = 0; i < 3; ++i) h.submit_many(5'000);
  const TaskId wanted = h.submit({.type = "rare"});
  const TaskQuery query{.queue = "q", .type = "rare"};
  Result<TaskPage> page = list_tasks(h.store(), query);
  REQUIRE(page.has_value());
  CHECK(page->tasks.empty());
  CHECK(page->next.has_value());
  CHECK(list_all(h, query) == std::vector{wanted});
}

TEST_CASE("the dead are listed last to die first, page by page") {
  for (const std::size_t limit : {1u, 2u, 5u, 100u}) {
    Harness h;
    std::vector<TaskId> expected;
    for (int i = 0; i < 10; ++i) {
      expected.push_back(h.submit_dead());
      if (i % 3 == 0) h.advance(1s);  // several die in one millisecond
    }
    std::reverse(expected.begin(), expected.end());
    CHECK(list_all_dead(h, limit) == expected);
    h.expect<OneTask>(RedriveTask{expected[4]});
    h.expect<Counted>(DiscardDead{"q", {.ids = std::vector{expected[0], expected[9]}}});
    expected = {expected[1], expected[2], expected[3], expected[5],
                expected[6], expected[7], expected[8]};
    CHECK(list_all_dead(h, limit) == expected);
    h.restart();
    CHECK(list_all_dead(h, limit) == expected);
  }
}

TEST_CASE("the dead of a queue that is not there are refused, of an empty one none") {
  Harness h;
  h.submit();
  CHECK(list_all_dead(h, 10).empty());
  Result<DeadPage> page = list_dead(h.store(), "none", std::nullopt, 10);
  REQUIRE_FALSE(page.has_value());
  CHECK(page.error().code == ErrorCode::queue_not_found);
}

TEST_CASE("a question that cannot be read is an error, not an absence") {
  Harness h;
  const TaskId id = h.submit_dead();
  h.store().fail_reads(true);
  CHECK(read_task(h.store(), id).error().code == ErrorCode::store_unavailable);
  CHECK(list_tasks(h.store(), {.queue = "q"}).error().code == ErrorCode::store_unavailable);
  CHECK(list_tasks(h.store(), {.correlation_id = "c"}).error().code ==
        ErrorCode::store_unavailable);
  CHECK(list_dead(h.store(), "q", std::nullopt, 10).error().code == ErrorCode::store_unavailable);
}

}  // namespace
}  // namespace quern::engine::testing
