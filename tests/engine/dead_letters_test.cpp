// The dead-letter queue: who gets there and why, and how they come back or go.

#include <algorithm>

#include "harness.h"

namespace quern::engine::testing {
namespace {

std::uint64_t redrive(Harness& h, DeadFilter filter, const std::string& queue = "q") {
  return h.expect<Counted>(RedriveDead{.name = queue, .filter = std::move(filter)}).count;
}

std::uint64_t discard(Harness& h, DeadFilter filter) {
  return h.expect<Counted>(DiscardDead{"q", std::move(filter)}).count;
}

// One dead task a millisecond, first to die first.
std::vector<TaskId> dead_tasks(Harness& h, std::size_t count, const SubmitOptions& options = {}) {
  std::vector<TaskId> ids;
  for (std::size_t i = 0; i < count; ++i) {
    ids.push_back(h.submit_dead(options));
    h.advance(1ms);
  }
  return ids;
}

std::size_t ready_among(const Harness& h, const std::vector<TaskId>& ids) {
  return static_cast<std::size_t>(std::count_if(
      ids.begin(), ids.end(), [&](const TaskId& id) { return h.state(id) == TaskState::ready; }));
}

TEST_CASE("a dead task says why") {
  Harness h;
  h.submit_many(2, {.max_attempts = 1});
  const TaskView worn_out = h.fail(h.lease_one());
  CHECK(static_cast<DeadReason>(worn_out.status.dead_reason()) == DeadReason::max_attempts);
  const TaskView hopeless = h.fail(h.lease_one(), false);
  CHECK(static_cast<DeadReason>(hopeless.status.dead_reason()) == DeadReason::not_retryable);
  CHECK(Timestamp{hopeless.status.finished_at()} == h.now.wall);
}

TEST_CASE("a dead task keeps its last ten failures, oldest first") {
  Harness h;
  h.configure("q", {.max_attempts = 25});
  const TaskId id = h.submit();
  for (int attempt = 1; attempt <= 25; ++attempt) {
    SettleItem fail = Harness::item(SettleVerb::fail, h.lease_one());
    fail.error_type = "e" + std::to_string(attempt);
    fail.error_details = "[" + std::to_string(attempt) + "]";
    fail.retry_after = 0s;
    h.expect<OneTask>(SettleOne{fail});
    const TaskView view = h.view(id);
    const int kept = std::min(attempt, 10);
    REQUIRE(view.failures.size() == static_cast<std::size_t>(kept));
    CHECK(view.failures.front().type() == "e" + std::to_string(attempt - kept + 1));
    CHECK(view.failures.back().type() == "e" + std::to_string(attempt));
    CHECK(view.failures.back().details() == "[" + std::to_string(attempt) + "]");
    CHECK(view.failures.back().attempt() == static_cast<std::uint32_t>(attempt));
  }
  CHECK(h.state(id) == TaskState::dead);
  CHECK(h.violations() == "");
}

TEST_CASE("a redriven task starts over, with its history") {
  Harness h;
  const TaskId id = h.submit_dead({.max_attempts = 1});
  h.advance(1min);
  const TaskView redriven = h.expect<OneTask>(RedriveTask{id}).task;
  CHECK(redriven.state() == TaskState::ready);
  CHECK(redriven.status.attempts() == 0);
  CHECK(redriven.status.redrives() == 1);
  CHECK(redriven.status.finished_at() == 0);
  CHECK(redriven.status.dead_reason() == 0);
  CHECK(redriven.failures.size() == 1);
  CHECK(Timestamp{redriven.status.run_at()} == h.now.wall);
  CHECK(h.fail(h.lease_one()).failures.size() == 2);
  CHECK(h.refusal(CancelTask{id}) == ErrorCode::task_finished);
}

TEST_CASE("redrive and discard take all the dead, and only them") {
  for (const bool redrives : {true, false}) {
    Harness h(1, {.tick_tasks_max = 3, .job_tasks_max = 3});
    const std::vector<TaskId> dead = dead_tasks(h, 10);
    h.submit();
    h.complete(h.lease_one());
    h.submit({.delay = 1h});
    CHECK((redrives ? redrive(h, {}) : discard(h, {})) == 10);
    CHECK(h.count(TaskState::dead) == 0);
    CHECK(h.count(TaskState::ready) == (redrives ? 10 : 0));
    CHECK(h.count(TaskState::succeeded) == 1);
    CHECK(h.count(TaskState::scheduled) == 1);
    if (!redrives) {
      for (const TaskId& id : dead) CHECK_FALSE(h.get(id).has_value());
    }
    CHECK(h.dead_ids().empty());
    CHECK((redrives ? redrive(h, {}) : discard(h, {})) == 0);
    CHECK(h.violations() == "");
  }
}

TEST_CASE("each filter chooses, and together they narrow") {
  struct Row {
    const char* name;
    DeadFilter filter;
    std::vector<std::size_t> chosen;
  };
  Harness first;
  const Timestamp start = first.now.wall;
  // 0: type a, error x. 1: type a, error y. 2: type b, error x, worn out. 3: type b, expired.
  const auto fill = [](Harness& h) {
    std::vector<TaskId> ids;
    const auto fails = [&](const char* type, const char* error, bool retryable) {
      ids.push_back(h.submit({.type = type, .max_attempts = 1}));
      SettleItem fail = Harness::item(SettleVerb::fail, h.lease_one());
      fail.error_type = error;
      fail.retryable = retryable;
      h.expect<OneTask>(SettleOne{fail});
      h.advance(1s);
    };
    fails("a", "x", false);
    fails("a", "y", false);
    fails("b", "x", true);
    ids.push_back(h.submit({.type = "b", .ttl = 1s}));
    h.advance(1s);
    return ids;
  };
  const Row rows[] = {
      {"all", {}, {0, 1, 2, 3}},
      {"type", {.type = "a"}, {0, 1}},
      {"dead_reason", {.dead_reason = DeadReason::expired}, {3}},
      {"error_type", {.error_type = "x"}, {0, 2}},
      {"error_type of nobody", {.error_type = ""}, {}},
      {"type and error_type", {.type = "a", .error_type = "x"}, {0}},
      {"before", {.before = start + 2s}, {0, 1}},
      {"before the first", {.before = start}, {}},
      {"limit", {.limit = 3}, {0, 1, 2}},
      {"limit of none", {.limit = 0}, {}},
      {"limit of those that match", {.type = "b", .limit = 1}, {2}},
  };
  for (const Row& row : rows) {
    for (const std::size_t tick : {1u, 2u, 100u}) {
      CAPTURE(row.name);
      CAPTURE(tick);
      Harness h(1, {.tick_tasks_max = tick, .job_tasks_max = tick});
      const std::vector<TaskId> ids = fill(h);
      CHECK(redrive(h, row.filter) == row.chosen.size());
      for (std::size_t i = 0; i < ids.size(); ++i) {
        const bool chosen = std::find(row.chosen.begin(), row.chosen.end(), i) != row.chosen.end();
        CHECK(h.state(ids[i]) == (chosen ? TaskState::ready : TaskState::dead));
      }
      // The rest is still listed, and found by the next call.
      CHECK(h.dead_ids().size() == ids.size() - row.chosen.size());
      CHECK(redrive(h, {}) == ids.size() - row.chosen.size());
      CHECK(h.violations() == "");
    }
  }
}

TEST_CASE("by ids, only the named that are dead in this queue are chosen, each once") {
  Harness h(1, {.tick_tasks_max = 2, .job_tasks_max = 2});
  const std::vector<TaskId> dead = dead_tasks(h, 3);
  const TaskId elsewhere = h.submit_dead({.queue = "other"});
  const TaskId alive = h.submit();
  const TaskId unknown = TaskId::from({.unix_ms = 1});
  CHECK(redrive(h, {.ids = std::vector{dead[2], alive, unknown, dead[0], dead[2], elsewhere}}) ==
        2);
  CHECK(h.state(dead[0]) == TaskState::ready);
  CHECK(h.state(dead[1]) == TaskState::dead);
  CHECK(h.state(dead[2]) == TaskState::ready);
  CHECK(h.state(elsewhere) == TaskState::dead);
  CHECK(redrive(h, {.ids = std::vector<TaskId>{}}) == 0);
}

TEST_CASE("by ids with a limit, those that died first are chosen") {
  for (const std::size_t tick : {1u, 2u, 100u}) {
    Harness h(1, {.tick_tasks_max = tick, .job_tasks_max = tick});
    const std::vector<TaskId> dead = dead_tasks(h, 5);
    CHECK(redrive(h, {.ids = std::vector{dead[4], dead[1], dead[3], dead[2]}, .limit = 2}) == 2);
    CHECK(h.state(dead[1]) == TaskState::ready);
    CHECK(h.state(dead[2]) == TaskState::ready);
    CHECK(ready_among(h, dead) == 2);
  }
}

TEST_CASE("a redrive into another queue makes it if need be and leaves nothing behind") {
  Harness h;
  const TaskId id = h.submit_dead({.key = "k"});
  CHECK(h.expect<Counted>(RedriveDead{.name = "q", .to_queue = "repair"}).count == 1);
  CHECK(*h.view(id).queue == "repair");
  CHECK(h.count(TaskState::ready, "repair") == 1);
  CHECK(h.count(TaskState::dead) == 0);
  CHECK(h.lease({"q"}).empty());
  CHECK(h.violations() == "");
  h.restart();
  const TaskView leased = h.lease_one("repair");
  CHECK(leased.id == id);
  h.fail(leased, false);
  CHECK(h.dead_ids("repair") == std::vector{id});
  CHECK(h.submit({.key = "k"}) == id);  // its key stays at home

  // And home again.
  CHECK(h.expect<Counted>(RedriveDead{.name = "repair", .to_queue = "q"}).count == 1);
  CHECK(*h.view(id).queue == "q");
  CHECK(h.violations() == "");
}

TEST_CASE("a task survives the removal of the queue that it came from") {
  Harness h;
  const TaskId id = h.submit_dead({.payload = '"' + std::string(9'000, 'x') + '"', .key = "k"});
  h.expect<Counted>(RedriveDead{.name = "q", .to_queue = "repair"});
  h.expect<Done>(DeleteQueue{"q"});
  CHECK(h.submit({.key = "k"}) != id);
  h.restart();
  CHECK(h.complete(h.lease_one("repair")).id == id);
  CHECK(h.violations() == "");
  h.advance(48h);
  CHECK_FALSE(h.get(id).has_value());
  CHECK(h.violations() == "");
}

TEST_CASE("with a rate the chosen return over time") {
  Harness h;
  const std::vector<TaskId> dead = dead_tasks(h, 5);
  CHECK(h.expect<Counted>(RedriveDead{.name = "q", .rate_per_second = 2.0}).count == 5);
  CHECK(h.count(TaskState::dead) == 0);
  CHECK(ready_among(h, dead) == 1);
  h.advance(499ms);
  CHECK(ready_among(h, dead) == 1);
  h.advance(1ms);
  CHECK(ready_among(h, dead) == 2);
  h.restart();
  h.advance(1500ms);
  CHECK(ready_among(h, dead) == 5);
  CHECK(h.lease_ids(5) == dead);
}

TEST_CASE("a tiny rate delays no further than ten years") {
  Harness h;
  const std::vector<TaskId> dead = dead_tasks(h, 2);
  h.expect<Counted>(RedriveDead{.name = "q", .rate_per_second = 1e-300});
  CHECK(Timestamp{h.view(dead[1]).status.run_at()} == h.now.wall + limits::ten_years);
}

TEST_CASE("redriving may exceed max_backlog") {
  Harness h;
  h.configure("q", {.max_backlog = 1});
  dead_tasks(h, 3);
  CHECK(redrive(h, {}) == 3);
  CHECK(h.count(TaskState::ready) == 3);
}

TEST_CASE("others are served while a long redrive goes on, and who dies again is left in peace") {
  Harness h(1, {.tick_tasks_max = 5, .job_tasks_max = 5});
  const std::vector<TaskId> dead = dead_tasks(h, 100);
  const Ticket ticket = h.begin(RedriveDead{.name = "q"});
  int ticks = 0;
  for (; !h.answer(ticket); ++ticks) {
    // A new task comes in and out in one go; a redriven one dies again at once.
    h.begin(Submit{.tasks = {new_task({.queue = "other"})}});
    const Ticket lease = h.begin(Lease{.queues = {"other"}});
    CHECK(h.answered<Leased>(lease).tasks.size() == 1);
    const Ticket again = h.begin(Lease{.queues = {"q"}});
    const Leased redriven = h.answered<Leased>(again);
    for (const TaskView& view : redriven.tasks) {
      SettleItem fail = Harness::item(SettleVerb::fail, view);
      fail.retryable = false;
      h.begin(SettleOne{fail});
    }
    REQUIRE(ticks < 200);
    h.tick();
  }
  CHECK(ticks >= 20);
  for (const TaskId& id : dead) CHECK(h.view(id).status.redrives() == 1);
  CHECK(h.violations() == "");
}

TEST_CASE("two long calls take turns") {
  Harness h(1, {.tick_tasks_max = 5, .job_tasks_max = 5});
  dead_tasks(h, 100);
  for (int i = 0; i < 10; ++i) h.submit_dead({.queue = "short"});
  const Ticket slow = h.begin(RedriveDead{.name = "q"});
  const Ticket quick = h.begin(DiscardDead{"short", {}});
  for (int i = 0; i < 6; ++i) h.tick();
  CHECK(h.answer(quick).has_value());
  CHECK_FALSE(h.answer(slow).has_value());
  h.settle_down();
  CHECK(h.answer(slow).has_value());
}

TEST_CASE("a redrive that a crash interrupts is done in part, and saying it again does the rest") {
  Harness h(1, {.tick_tasks_max = 5, .job_tasks_max = 5});
  const std::vector<TaskId> dead = dead_tasks(h, 50);
  h.begin(RedriveDead{.name = "q"});
  h.tick();
  h.tick();
  h.restart();
  h.settle_down();
  CHECK(ready_among(h, dead) == 10);
  CHECK(h.violations() == "");
  CHECK(redrive(h, {}) == 40);
  CHECK(h.lease_ids(50) == dead);
}

TEST_CASE("the dead are found though the clock was set back since they died") {
  Harness h;
  const std::vector<TaskId> dead = dead_tasks(h, 3);
  h.now.wall = h.now.wall - 1h;
  h.restart();
  const TaskId now = h.submit_dead();
  CHECK(h.dead_ids() == std::vector{dead[2], dead[1], dead[0], now});
  CHECK(redrive(h, {}) == 4);
  CHECK(h.violations() == "");
}

TEST_CASE("redrive and discard of a queue that is not there are refused") {
  Harness h;
  CHECK(h.refusal(RedriveDead{.name = "q"}) == ErrorCode::queue_not_found);
  CHECK(h.refusal(DiscardDead{"q", {}}) == ErrorCode::queue_not_found);
}

TEST_CASE("who dies behind a redrive under way is not lost from the dead letters") {
  Harness h(1, {.tick_tasks_max = 2, .job_tasks_max = 2});
  h.submit_many(6, {.max_attempts = 1});
  const TaskView late = h.lease_one();  // the lowest id, which sorts first within a millisecond
  for (int i = 0; i < 5; ++i) h.fail(h.lease_one());
  const Ticket redriving = h.begin(RedriveDead{.name = "q", .filter = {}});
  h.tick();
  h.fail(late);
  h.settle_down();
  CHECK(h.answered<Counted>(redriving).count >= 5);
  CHECK(h.violations() == "");
  redrive(h, {});
  CHECK(h.count(TaskState::dead) == 0);
}

TEST_CASE("who dies after the clock was set back is not lost from the dead letters") {
  Harness h(1, {.tick_tasks_max = 2, .job_tasks_max = 2});
  dead_tasks(h, 5);
  const TaskId late = h.submit({.max_attempts = 1});
  h.jump_wall(-60s);
  h.restart();
  const TaskView leased = h.lease_one();
  h.begin(RedriveDead{.name = "q", .filter = {}});
  h.tick();
  h.fail(leased);
  h.settle_down();
  CHECK(h.violations() == "");
  CHECK(h.state(late) == TaskState::dead);
  redrive(h, {});
  CHECK(h.state(late) == TaskState::ready);
}

TEST_CASE("an older task that comes into a queue after newer ones went is not lost sight of") {
  Harness h;
  const std::vector<TaskId> ids = h.submit_many(4, {.queue = "a"});
  const auto fail_all = [&](const std::string& queue) {
    for (const TaskView& task : h.lease({queue}, 10)) h.fail(task, false);
  };
  const auto to_b = [&](std::vector<TaskId> chosen) {
    h.expect<Counted>(RedriveDead{
        .name = "a", .filter = {.ids = std::move(chosen)}, .to_queue = "b", .rate_per_second = {}});
  };
  const auto discard = [&](const TaskId& id) {
    h.expect<Counted>(DiscardDead{"b", {.ids = std::vector{id}}});
  };
  fail_all("a");
  to_b({ids[0], ids[1], ids[3]});
  fail_all("b");
  discard(ids[3]);
  to_b({ids[2]});
  discard(ids[0]);
  discard(ids[1]);
  CHECK(h.violations() == "");
  CHECK(h.expect<Counted>(PurgeQueue{"b", {TaskState::ready}}).count == 1);
}

}  // namespace
}  // namespace quern::engine::testing
