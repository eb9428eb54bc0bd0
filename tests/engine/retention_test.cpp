// When finished tasks go: not before their retention is over, nor before their key may be used
// again; then without a trace.

#include "harness.h"

namespace quern::engine::testing {
namespace {

bool is_there(const Harness& h, const TaskId& id) { return h.get(id).has_value(); }

std::size_t records(const storage::Reader& store) {
  std::size_t count = 0;
  for (const storage::Table table :
       {storage::Table::tasks, storage::Table::status, storage::Table::running,
        storage::Table::blobs, storage::Table::failures, storage::Table::ready,
        storage::Table::timers, storage::Table::finished, storage::Table::keys,
        storage::Table::correlation, storage::Table::moved}) {
    REQUIRE(store
                .scan(table, {},
                      [&](std::string_view, std::string_view) {
                        ++count;
                        return true;
                      })
                .has_value());
  }
  return count;
}

TEST_CASE("a clock that was set back while the server was down keeps nothing past its retention") {
  for (const bool dead : {false, true}) {
    CAPTURE(dead);
    Harness h;
    h.configure("q", {.retention = 10s, .dead_retention = 10s});
    const auto finish_one = [&] {
      const TaskId id = h.submit();
      if (dead) {
        h.fail(h.lease_one(), false);
      } else {
        h.complete(h.lease_one());
      }
      return id;
    };
    const TaskId of_the_future = finish_one();
    h.now.wall = h.now.wall - 1h;
    h.restart();
    h.settle_down();
    const TaskId id = finish_one();
    h.advance(9'999ms);
    CHECK(is_there(h, id));
    h.advance(1ms);
    CHECK_FALSE(is_there(h, id));
    h.advance(1h);
    CHECK_FALSE(is_there(h, of_the_future));
  }
}

TEST_CASE("succeeded and cancelled tasks stay for their retention, to the millisecond") {
  for (const bool restarts : {false, true}) {
    Harness h;
    h.configure("q", {.retention = 10s});
    const TaskId succeeded = h.submit();
    h.complete(h.lease_one());
    h.advance(3s);
    const TaskId cancelled = h.submit();
    h.expect<OneTask>(CancelTask{cancelled});
    h.advance(6'999ms);
    if (restarts) h.restart();
    h.settle_down();
    CHECK(is_there(h, succeeded));
    h.advance(1ms);
    CHECK_FALSE(is_there(h, succeeded));
    CHECK(is_there(h, cancelled));
    if (restarts) h.restart();
    h.advance(3s);
    CHECK_FALSE(is_there(h, cancelled));
    CHECK(h.violations() == "");
  }
}

TEST_CASE("the dead stay until somebody acts, or for dead_retention") {
  Harness h;
  h.configure("q", {.retention = 1s});
  h.configure("swept", {.dead_retention = 1h});
  const TaskId kept = h.submit_dead();
  const TaskId swept = h.submit_dead({.queue = "swept"});
  h.advance(1h - 1ms);
  CHECK(is_there(h, swept));
  h.advance(1ms);
  CHECK_FALSE(is_there(h, swept));
  h.advance(24h * 3650);
  CHECK(is_there(h, kept));
}

TEST_CASE("a task outlives its retention for its key, and the key is not cut short") {
  for (const bool restarts : {false, true}) {
    Harness h;
    h.configure("q", {.retention = 1s, .dead_retention = 1s, .idempotency_window = 1h});
    const TaskId done = h.submit({.key = "done"});
    h.complete(h.lease_one());
    const TaskId dead = h.submit_dead({.key = "dead"});
    h.advance(1min);
    if (restarts) h.restart();
    CHECK(h.violations() == "");
    h.advance(59min - 1ms);
    CHECK(h.submit({.key = "done"}) == done);
    CHECK(h.submit({.key = "dead"}) == dead);
    CHECK(h.view(dead).state() == TaskState::dead);
    h.advance(1ms);
    CHECK_FALSE(is_there(h, done));
    CHECK_FALSE(is_there(h, dead));
    CHECK(h.submit({.key = "done"}) != done);
    CHECK(h.violations() == "");
  }
}

TEST_CASE("a dead task that only its key keeps is still listed and redriven") {
  Harness h;
  h.configure("q", {.dead_retention = 1s, .idempotency_window = 1h});
  const TaskId kept = h.submit_dead({.key = "k"});
  const TaskId gone = h.submit_dead();
  h.advance(2s);
  const TaskId young = h.submit_dead();
  CHECK_FALSE(is_there(h, gone));
  CHECK(h.dead_ids() == std::vector{young, kept});
  h.restart();
  CHECK(h.expect<Counted>(RedriveDead{.name = "q"}).count == 2);
  CHECK(h.state(kept) == TaskState::ready);
  CHECK(h.violations() == "");
  h.advance(2h);
  CHECK(h.state(kept) == TaskState::ready);
}

TEST_CASE("a moved task is kept for the key's window of its home") {
  Harness h;
  h.configure("q", {.idempotency_window = 1h});
  h.configure("other", {.retention = 1s, .idempotency_window = 1s});
  const TaskId id = h.submit_dead({.key = "k"});
  h.expect<Counted>(RedriveDead{.name = "q", .to_queue = "other"});
  h.complete(h.lease_one("other"));
  h.advance(1min);
  CHECK(h.submit({.key = "k"}) == id);
  h.advance(1h);
  CHECK_FALSE(is_there(h, id));
  CHECK(h.violations() == "");
}

TEST_CASE("a shorter retention holds at once, a longer one saves what is still there") {
  Harness h;
  h.configure("q", {.retention = 1h});
  const TaskId first = h.submit();
  h.complete(h.lease_one());
  h.advance(1min);
  h.configure("q", {.retention = 2h});
  h.advance(1h);
  CHECK(is_there(h, first));
  h.configure("q", {.retention = 1min});
  h.settle_down();
  CHECK_FALSE(is_there(h, first));
}

TEST_CASE("dead_retention can be set, lifted and set again") {
  for (const bool keyed : {false, true}) {
    Harness h;
    const QueueSettings lifted{.idempotency_window = 1min};
    QueueSettings set = lifted;
    set.dead_retention = 10s;
    h.configure("q", set);
    const TaskId id = h.submit_dead({.key = keyed ? "k" : ""});
    if (keyed) h.advance(30s);  // kept by its key, with a timer
    h.configure("q", lifted);
    h.advance(1h);
    CHECK(is_there(h, id));
    CHECK(h.violations() == "");
    h.configure("q", set);
    h.settle_down();
    CHECK_FALSE(is_there(h, id));
    CHECK(h.violations() == "");
  }
}

TEST_CASE("a key's window that is changed is followed by what it keeps") {
  for (const Duration window : {Duration{1min}, Duration{3h}}) {
    Harness h;
    QueueSettings settings{.retention = 1s, .idempotency_window = 1h};
    h.configure("q", settings);
    const TaskId id = h.submit({.key = "k"});
    h.complete(h.lease_one());
    h.advance(10min);
    settings.idempotency_window = window;
    h.configure("q", settings);
    h.settle_down();
    CHECK(is_there(h, id) == (window > 10min));
    h.advance(window - 10min - 1ms);
    CHECK(is_there(h, id) == (window > 10min));
    h.advance(1ms);
    CHECK_FALSE(is_there(h, id));
    CHECK(h.violations() == "");
  }
}

TEST_CASE("no retention at all removes a task as soon as it has been answered") {
  Harness h;
  h.configure("q", {.retention = 0s});
  const TaskId id = h.submit();
  CHECK(h.complete(h.lease_one()).state() == TaskState::succeeded);
  CHECK_FALSE(is_there(h, id));
}

TEST_CASE("a redriven task is not removed by the retention it had") {
  Harness h;
  h.configure("q", {.dead_retention = 10s});
  const TaskId id = h.submit_dead();
  h.advance(9s);
  h.expect<OneTask>(RedriveTask{id});
  h.advance(1h);
  CHECK(h.state(id) == TaskState::ready);
}

TEST_CASE("what is removed leaves nothing on disk") {
  Harness h;
  h.configure("q", {.retention = 10s, .dead_retention = 10s, .idempotency_window = 5s});
  const std::string large = '"' + std::string(9'000, 'x') + '"';
  h.submit({.payload = large, .key = "k", .correlation = "c"});
  const TaskView leased = h.lease_one();
  SettleItem heartbeat = Harness::item(SettleVerb::heartbeat, leased);
  heartbeat.progress = large;
  h.expect<LeaseExtended>(SettleOne{heartbeat});
  h.fail(leased, true, 0s);
  h.complete(h.lease_one(), large);
  h.submit_dead({.ttl = 1h, .correlation = "c"});
  h.expect<OneTask>(CancelTask{h.submit({.delay = 1h, .ttl = 2h})});
  CHECK(records(h.store()) > 10);
  h.advance(10s);
  CHECK(records(h.store()) == 0);
}

TEST_CASE("much that is due at once is removed over several ticks, however many queues it is in") {
  Harness h(1, {.tick_tasks_max = 4});
  for (int queue = 0; queue < 20; ++queue) {
    const std::string name = "q" + std::to_string(queue);
    h.configure(name, {.retention = 1min});
    for (const TaskId& id : h.submit_many(3, {.queue = name})) h.expect<OneTask>(CancelTask{id});
  }
  h.now.wall = h.now.wall + 1min;
  const std::size_t before = records(h.store());
  h.tick();
  // Of a task there are three records: body, status, and its place among the finished.
  CHECK(before - records(h.store()) <= 3 * 4);
  h.settle_down();
  CHECK(records(h.store()) == 0);
  CHECK(h.violations() == "");
}

}  // namespace
}  // namespace quern::engine::testing
