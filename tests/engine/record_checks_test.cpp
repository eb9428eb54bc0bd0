// A stored record that parses and makes no sense is a damaged store, not something to go on with.

#include "engine/record_checks.h"

#include <vector>

#include "engine/runs.h"
#include "harness.h"
#include "quern/protocol/limits.h"
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

// Every field that has a range, just outside of it.
template <typename Record>
using Damage = void (*)(Record&);

constexpr std::int64_t late = INT64_MAX;
constexpr std::int64_t too_long = limits::ten_years.count() + 1;

const std::vector<Damage<record::TaskBody>> bodies = {
    [](auto& b) { b.set_priority(10); },
    [](auto& b) { b.set_created_at(-1); },
    [](auto& b) { b.set_run_at(late); },
    [](auto& b) { b.set_expires_at(late); },
    [](auto& b) { b.set_max_attempts(101); },
    [](auto& b) { b.set_lease_ms(too_long); },
    [](auto& b) { b.set_timeout_ms(INT64_MIN); },
    [](auto& b) { b.mutable_retry()->set_strategy(3); },
    [](auto& b) { b.mutable_retry()->set_base_ms(-1); },
    [](auto& b) { b.mutable_retry()->set_max_ms(too_long); },
    [](auto& b) { b.mutable_retry()->set_factor(-0.5); },
    [](auto& b) { b.mutable_retry()->set_factor(limits::retry_factor_max + 1); },
};

const std::vector<Damage<record::TaskStatus>> statuses = {
    [](auto& s) { s.set_state(task_state_count); },
    [](auto& s) { s.set_dead_reason(4); },
    [](auto& s) { s.set_ready_at(-1); },
    [](auto& s) { s.set_run_at(late); },
    [](auto& s) { s.set_started_at(-1); },
    [](auto& s) { s.set_finished_at(-5); },
    [](auto& s) { s.set_forget_at(late); },
    [](auto& s) { s.mutable_lease()->set_token("x"); },
};

const std::vector<Damage<record::TaskStatus>> leases = {
    [](auto& s) { s.clear_lease(); },
    [](auto& s) { s.mutable_lease()->set_token("x"); },
    [](auto& s) { s.mutable_lease()->set_expires_at(-1); },
    [](auto& s) { s.mutable_lease()->set_attempt_started_at(late); },
    [](auto& s) { s.mutable_lease()->set_lease_ms(too_long); },
};

const std::vector<Damage<record::QueueRecord>> queues = {
    [](auto& q) { q.set_name("a b"); },
    [](auto& q) { q.set_created_at(-1); },
    [](auto& q) { q.mutable_settings()->set_max_attempts(101); },
    [](auto& q) { q.mutable_settings()->mutable_retry()->set_strategy(3); },
    [](auto& q) { q.mutable_settings()->mutable_retry()->set_base_ms(-1); },
    [](auto& q) { q.mutable_settings()->mutable_retry()->set_max_ms(too_long); },
    [](auto& q) { q.mutable_settings()->mutable_retry()->set_factor(-1); },
    [](auto& q) { q.mutable_settings()->set_lease_ms(-1); },
    [](auto& q) { q.mutable_settings()->set_timeout_ms(too_long); },
    [](auto& q) { q.mutable_settings()->set_ttl_ms(-1); },
    [](auto& q) { q.mutable_settings()->set_retention_ms(too_long); },
    [](auto& q) { q.mutable_settings()->set_dead_retention_ms(-1); },
    [](auto& q) { q.mutable_settings()->set_idempotency_window_ms(too_long); },
};

const std::vector<Damage<record::QueueCounters>> counters = {
    [](auto& c) { c.add_lane_done("short"); },
    [](auto& c) { c.add_ready_from("short"); },
    [](auto& c) { c.set_done_from("short"); },
    [](auto& c) { c.set_dead_from("short"); },
    [](auto& c) { c.add_run_from("short"); },
    [](auto& c) {
      while (c.run_from_size() <= static_cast<int>(run_count)) c.add_run_from();
    },
};

template <typename Record>
void spoil(Harness& h, Table table, const std::string& key, Damage<Record> damage) {
  auto record = stored<Record>(h, table, key);
  damage(record);
  replace(h, table, key, record);
}

TEST_CASE("a body out of range is store_corrupt to whoever reads the task") {
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    CAPTURE(i);
    Harness h;
    const TaskId id = h.submit();
    spoil(h, Table::tasks, keys::task(id), bodies[i]);
    CHECK(read_task(h.store(), id).error().code == ErrorCode::store_corrupt);
  }
}

TEST_CASE("a status out of range is store_corrupt to whoever reads the task") {
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    CAPTURE(i);
    Harness h;
    const TaskId id = h.submit_dead();
    spoil(h, Table::status, keys::id(id), statuses[i]);
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

void check_refused(Harness& h) {
  const auto recovered = Engine::recover(h.store(), h.random(), {}, h.now);
  REQUIRE_FALSE(recovered);
  CHECK(recovered.error().code == ErrorCode::store_corrupt);
}

TEST_CASE("an engine does not start on queues, counters, leases and commits that make no sense") {
  for (std::size_t i = 0; i < queues.size(); ++i) {
    CAPTURE(i);
    Harness h;
    h.submit();
    spoil(h, Table::queues, keys::queue(1), queues[i]);
    check_refused(h);
  }
  for (std::size_t i = 0; i < counters.size(); ++i) {
    CAPTURE(i);
    Harness h;
    h.submit();
    spoil(h, Table::counters, keys::queue(1), counters[i]);
    check_refused(h);
  }
  for (std::size_t i = 0; i < leases.size(); ++i) {
    CAPTURE(i);
    Harness h;
    h.submit();
    spoil(h, Table::running, keys::id(h.lease_one().id), leases[i]);
    check_refused(h);
  }
  Harness h;
  h.submit();
  spoil<record::Commit>(h, Table::meta, std::string(keys::last_commit),
                        [](record::Commit& c) { c.set_timers_from(-1); });
  check_refused(h);
}

}  // namespace
}  // namespace quern::engine::testing
