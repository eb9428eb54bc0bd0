// Submitting: all or nothing, and one task for one key.

#include "harness.h"

namespace quern::engine::testing {
namespace {

Submit batch_of(const std::vector<SubmitOptions>& tasks) {
  Submit command{.tasks = {}, .batch = true};
  for (const SubmitOptions& options : tasks) command.tasks.push_back(new_task(options));
  return command;
}

Submit single(const SubmitOptions& options) {
  Submit command;
  command.tasks.push_back(new_task(options));
  return command;
}

TEST_CASE("a task is stored as it was submitted") {
  Harness h;
  const std::string payload = R"({"n": 1e400,  "n": 12345678901234567890, "s": "\ud800"})";
  const TaskId id = h.submit({.payload = payload, .priority = 7, .correlation = "order-1"});
  h.restart();
  const TaskView view = h.view(id);
  CHECK(view.payload() == payload);
  CHECK(view.body->priority() == 7);
  CHECK(view.correlation_id() == "order-1");
  CHECK(*view.queue == "q");
  CHECK(view.state() == TaskState::ready);
  CHECK(Timestamp{view.body->created_at()} == h.now.wall);
  CHECK(Timestamp{view.status.run_at()} == h.now.wall);
  CHECK(view.status.attempts() == 0);
}

TEST_CASE("payloads, results and progress come back byte for byte at every size") {
  for (const std::size_t size :
       {0u, 1u, 510u, 512u, 513u, 1'024u, 1'025u, 4'096u, 4'097u, 70'000u}) {
    CAPTURE(size);
    Harness h;
    const std::string value = '"' + std::string(size, '\xc3') + '"';
    const TaskId id = h.submit({.payload = value});
    const TaskView leased = h.lease_one();
    CHECK(leased.payload() == value);
    SettleItem heartbeat = Harness::item(SettleVerb::heartbeat, leased);
    heartbeat.progress = value;
    h.expect<LeaseExtended>(SettleOne{heartbeat});
    CHECK(h.view(id).progress() == value);
    CHECK(h.complete(leased, value).result() == value);
    h.restart();
    CHECK(h.view(id).payload() == value);
    CHECK(h.view(id).result() == value);
    CHECK(h.view(id).progress() == value);
    CHECK(h.violations() == "");
  }
}

TEST_CASE("a batch is answered in order, over several queues") {
  Harness h;
  const Submitted answer = h.expect<Submitted>(batch_of(
      {{.queue = "a", .type = "1"}, {.queue = "b", .type = "2"}, {.queue = "a", .type = "3"}}));
  REQUIRE(answer.tasks.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(answer.tasks[i].body->type() == std::to_string(i + 1));
    CHECK(h.get(answer.tasks[i].id).has_value());
  }
  CHECK(h.count(TaskState::ready, "a") == 2);
  CHECK(h.count(TaskState::ready, "b") == 1);
}

TEST_CASE("a batch with one bad task stores nothing and names it") {
  Harness h;
  h.submit({.key = "taken"});
  const Error error = h.expect<Error>(
      batch_of({{}, {.queue = "new"}, {.type = "other", .key = "taken"}, {.key = "fresh"}}));
  CHECK(error.code == ErrorCode::idempotency_key_reused);
  REQUIRE(error.fields.size() == 1);
  CHECK(error.fields[0].pointer == "/tasks/2/idempotency_key");
  CHECK(h.queue().counts[static_cast<std::size_t>(TaskState::ready)] == 1);
  CHECK(h.refusal(GetQueue{"new"}) == ErrorCode::queue_not_found);
  CHECK(h.violations() == "");
}

TEST_CASE("max_backlog counts what is unfinished, and a batch must fit whole") {
  Harness h;
  h.configure("q", {.max_backlog = 3});
  h.submit_dead();
  h.submit({.delay = 1h});
  h.submit();
  const TaskView running = h.lease_one();
  CHECK(h.refusal(batch_of({{}, {}})) == ErrorCode::queue_full);
  CHECK(h.refusal(batch_of({{.queue = "roomy"}, {}, {}})) == ErrorCode::queue_full);
  CHECK(h.refusal(GetQueue{"roomy"}) == ErrorCode::queue_not_found);
  h.submit();
  const Error full = h.expect<Error>(single({}));
  CHECK(full.code == ErrorCode::queue_full);
  CHECK(full.retry_after_seconds > 0);
  h.complete(running);
  h.submit();
  CHECK(h.refusal(single({})) == ErrorCode::queue_full);
}

TEST_CASE("a replay is answered when the queue is full, and takes no room in a batch") {
  Harness h;
  h.configure("q", {.max_backlog = 2});
  const TaskId id = h.submit({.key = "k"});
  const Submitted mixed = h.expect<Submitted>(batch_of({{.key = "k"}, {.key = "l"}, {.key = "l"}}));
  CHECK(mixed.tasks[0].id == id);
  CHECK(h.refusal(single({})) == ErrorCode::queue_full);
  CHECK(h.submit({.key = "k"}) == id);
  CHECK(h.submit({.key = "l"}) == mixed.tasks[1].id);
}

TEST_CASE("the same key twice in one batch creates one task") {
  Harness h;
  const Submitted answer = h.expect<Submitted>(batch_of({{.key = "k"}, {}, {.key = "k"}}));
  CHECK(answer.tasks[0].id == answer.tasks[2].id);
  CHECK(answer.tasks[0].id != answer.tasks[1].id);
  CHECK(h.count(TaskState::ready) == 2);
  CHECK(h.refusal(batch_of({{.key = "n"}, {.payload = "1", .key = "n"}})) ==
        ErrorCode::idempotency_key_reused);
  CHECK(h.refusal(batch_of({{.key = "n"}, {.type = "u", .key = "n"}})) ==
        ErrorCode::idempotency_key_reused);
  CHECK(h.count(TaskState::ready) == 2);
}

TEST_CASE("a key names one task of one queue") {
  Harness h;
  CHECK(h.submit({.queue = "a", .key = "k"}) != h.submit({.queue = "b", .key = "k"}));
}

TEST_CASE("payloads under one key are compared byte for byte, however large") {
  for (const std::size_t size : {1u, 5'000u}) {
    Harness h;
    const std::string payload = '"' + std::string(size, 'a') + '"';
    const TaskId id = h.submit({.payload = payload, .key = "k"});
    h.restart();
    CHECK(h.submit({.payload = payload, .key = "k"}) == id);
    CHECK(h.refusal(single({.payload = payload + " ", .key = "k"})) ==
          ErrorCode::idempotency_key_reused);
    // What else differs does not matter: the first task is the answer.
    CHECK(h.submit({.payload = payload, .priority = 1, .delay = 1h, .key = "k"}) == id);
  }
}

TEST_CASE("a finished task's key replays up to the end of its window and no longer") {
  Harness h;
  h.configure("q", {.retention = 1h, .idempotency_window = 10s});
  const TaskId first = h.submit({.key = "k"});
  h.advance(5s);
  h.complete(h.lease_one(), "1");
  h.advance(4'999ms);
  const Submitted replay = h.expect<Submitted>(single({.key = "k"}));
  CHECK(replay.replayed);
  CHECK(replay.tasks[0].id == first);
  CHECK(replay.tasks[0].state() == TaskState::succeeded);
  h.advance(1ms);
  const Submitted second = h.expect<Submitted>(single({.payload = "\"new\"", .key = "k"}));
  CHECK_FALSE(second.replayed);
  CHECK(second.tasks[0].id != first);
  CHECK(h.violations() == "");
}

TEST_CASE("an unfinished task's key replays long after its window") {
  Harness h;
  h.configure("q", {.idempotency_window = 10s});
  const TaskId id = h.submit({.key = "k"});
  h.advance(1h);
  CHECK(h.submit({.key = "k"}) == id);
  const TaskView leased = h.lease_one();
  h.advance(30s);
  CHECK(h.submit({.key = "k"}) == id);
  CHECK(h.refusal(single({.payload = "1", .key = "k"})) == ErrorCode::idempotency_key_reused);
  h.complete(leased);
  CHECK(h.submit({.key = "k"}) != id);
}

TEST_CASE("a new task takes an old one's key over, and the old one's removal leaves it there") {
  Harness h;
  h.configure("q", {.retention = 1min, .idempotency_window = 10s});
  const TaskId old = h.submit({.key = "k"});
  h.complete(h.lease_one());
  h.advance(10s);
  const TaskId holder = h.submit({.key = "k"});
  CHECK(holder != old);
  h.advance(1min);
  CHECK_FALSE(h.get(old).has_value());
  CHECK(h.submit({.key = "k"}) == holder);
  CHECK(h.violations() == "");
}

TEST_CASE("a refused submit changes nothing on disk") {
  Harness h;
  h.submit({.key = "k"});
  const std::uint64_t commits = h.store().commit_count();
  CHECK(h.refusal(single({.payload = "1", .key = "k"})) == ErrorCode::idempotency_key_reused);
  CHECK(h.submit({.key = "k"}) != TaskId{});
  CHECK(h.store().commit_count() == commits);
}

TEST_CASE("a submit of a plain task writes one record of its own") {
  Harness h;
  h.submit();
  Submit command;
  command.tasks.push_back(new_task({}));
  h.engine().apply(1, std::move(command), h.now);
  const storage::Batch batch = h.engine().take_batch();
  // The body; and once a commit, however many tasks are in it, the counters and the commit record.
  CHECK(batch.writes.size() == 3);
}

TEST_CASE("no more queues are made than the server is to hold") {
  Harness h(1, {.queues_max = 2});
  const TaskId dead = h.submit_dead({.queue = "a"});
  CHECK(h.refusal(batch_of({{.queue = "b"}, {.queue = "c"}})) == ErrorCode::too_many_queues);
  h.submit({.queue = "b"});
  CHECK(h.refusal(single({.queue = "c"})) == ErrorCode::too_many_queues);
  CHECK(h.refusal(PutQueue{"c", {}}) == ErrorCode::too_many_queues);
  CHECK(h.refusal(RedriveDead{.name = "a", .to_queue = "c"}) == ErrorCode::too_many_queues);
  CHECK(h.state(dead) == TaskState::dead);
  h.submit({.queue = "a"});
  h.expect<Done>(DeleteQueue{"b", true});
  h.submit({.queue = "c"});
}

TEST_CASE(
    "ids never repeat or go back, within a millisecond, over a restart, when the clock does") {
  Harness h;
  TaskId last = h.submit();
  const auto check_next = [&] {
    for (const TaskId& id : h.submit_many(5'000)) {
      REQUIRE(last < id);
      last = id;
    }
  };
  check_next();
  h.restart();
  check_next();
  h.now.wall = h.now.wall - 1h;
  h.restart();
  check_next();
}

TEST_CASE("a draining server takes no new tasks and gives out none, but settles") {
  Harness h;
  h.submit_many(2);
  const TaskView leased = h.lease_one();
  CHECK(h.expect<Drained>(Drain{}).running == 1);
  CHECK(h.refusal(single({})) == ErrorCode::draining);
  CHECK(h.refusal(Lease{.queues = {"q"}}) == ErrorCode::draining);
  const Leased answer = h.expect<Leased>(Lease{
      .queues = {"q"}, .wait = 1min, .settle = {Harness::item(SettleVerb::complete, leased)}});
  CHECK(answer.tasks.empty());
  REQUIRE(answer.settled.size() == 1);
  CHECK(h.state(leased.id) == TaskState::succeeded);
}

}  // namespace
}  // namespace quern::engine::testing
