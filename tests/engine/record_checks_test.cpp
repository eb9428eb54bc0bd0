// A stored record that parses and makes no sense is a damaged store, not something to go on with.

#include "engine/record_checks.h"

#include "harness.h"
#include "quern/storage/keys.h"

namespace quern::engine::testing {
namespace {

namespace keys = storage::keys;
using storage::Table;

template <typename Record>
Record stored(Harness& harness, Table table, const std::string& key) {
  std::string value;
  Record record;
  REQUIRE(*harness.store().get(table, key, value));
  REQUIRE(record.ParseFromString(value));
  return record;
}

template <typename Record>
void replace(Harness& h, Table table, const std::string& key, const Record& record) {
  REQUIRE(h.store().commit({.writes = {{table, key, record.SerializeAsString()}}}));
}

TEST_CASE("a body out of range is store_corrupt to whoever reads the task") {
  using Damage = void (*)(record::TaskBody&);
  for (const Damage damage :
       {Damage{[](record::TaskBody& b) { b.set_priority(10); }},
        Damage{[](record::TaskBody& b) { b.set_created_at(-1); }},
        Damage{[](record::TaskBody& b) { b.set_expires_at(INT64_MAX); }},
        Damage{[](record::TaskBody& b) { b.set_max_attempts(101); }},
        Damage{[](record::TaskBody& b) { b.set_timeout_ms(INT64_MIN); }},
        Damage{[](record::TaskBody& b) { b.mutable_retry()->set_strategy(3); }}}) {
    Harness h;
    const TaskId id = h.submit();
    auto body = stored<record::TaskBody>(h, Table::tasks, keys::task(id));
    damage(body);
    replace(h, Table::tasks, keys::task(id), body);
    CHECK(read_task(h.store(), id).error().code == ErrorCode::store_corrupt);
  }
}

TEST_CASE("a status out of range is store_corrupt to whoever reads the task") {
  using Damage = void (*)(record::TaskStatus&);
  for (const Damage damage :
       {Damage{[](record::TaskStatus& s) { s.set_state(task_state_count); }},
        Damage{[](record::TaskStatus& s) { s.set_dead_reason(4); }},
        Damage{[](record::TaskStatus& s) { s.set_finished_at(-5); }},
        Damage{[](record::TaskStatus& s) { s.mutable_lease()->set_token("x"); }}}) {
    Harness h;
    const TaskId id = h.submit_dead();
    auto status = stored<record::TaskStatus>(h, Table::status, keys::id(id));
    damage(status);
    replace(h, Table::status, keys::id(id), status);
    CHECK(read_task(h.store(), id).error().code == ErrorCode::store_corrupt);
  }
}

TEST_CASE("an index entry of the wrong size is store_corrupt to whoever follows it") {
  Harness h;
  h.submit({.key = "k"});
  REQUIRE(h.store().commit({.writes = {{Table::queue_names, "q", "abc"}}}));
  CHECK(list_tasks(h.store(), {.queue = "q"}).error().code == ErrorCode::store_corrupt);
  CHECK(list_dead(h.store(), "q", {}, 10).error().code == ErrorCode::store_corrupt);
  REQUIRE(h.store().commit({.writes = {{Table::keys, keys::idempotency(1, "k"), "abc"}}}));
  Submit again;
  again.tasks.push_back(new_task({.key = "k"}));
  h.engine().apply(1, std::move(again), h.now);
  REQUIRE(h.engine().failure());
  CHECK(h.engine().failure()->code == ErrorCode::store_corrupt);
}

TEST_CASE("an engine does not start on queues, counters and leases that make no sense") {
  using Damage = void (*)(Harness&);
  for (const Damage damage :
       {Damage{[](Harness& h) {
          auto queue = stored<record::QueueRecord>(h, Table::queues, keys::queue(1));
          queue.set_name("a b");
          replace(h, Table::queues, keys::queue(1), queue);
        }},
        Damage{[](Harness& h) {
          auto counters = stored<record::QueueCounters>(h, Table::counters, keys::queue(1));
          counters.add_lane_done("short");
          replace(h, Table::counters, keys::queue(1), counters);
        }},
        Damage{[](Harness& h) {
          const TaskId id = h.lease_one().id;
          auto status = stored<record::TaskStatus>(h, Table::running, keys::id(id));
          status.clear_lease();
          replace(h, Table::running, keys::id(id), status);
        }}}) {
    Harness h;
    h.submit();
    damage(h);
    const auto recovered = Engine::recover(h.store(), h.random(), {}, h.now);
    REQUIRE_FALSE(recovered);
    CHECK(recovered.error().code == ErrorCode::store_corrupt);
  }
}

}  // namespace
}  // namespace quern::engine::testing
