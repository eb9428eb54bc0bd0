// The engine when the store cannot be read: it ends, replies to nothing, and is recovered anew.

#include "harness.h"
#include "quern/storage/keys.h"

namespace quern::engine::testing {
namespace {

using storage::Table;

// Neither committed nor replied to.
void applied(Harness& h, Command command) { h.engine().apply(99, std::move(command), h.now); }

TEST_CASE("a read that fails ends the engine, and nobody is answered") {
  using Work = void (*)(Harness&, const TaskId& id, const TaskId& dead);
  for (const Work work : {
           Work{
               [](Harness&h, const TaskId&, const TaskId&) { applied(h, Lease{.queues = {"q"}}); }},
           Work{[](Harness&h, const TaskId&id, const TaskId&) { applied(h, CancelTask{id}); }},
           Work{[](Harness&h, const TaskId&, const TaskId&dead) { applied(h, RedriveTask{dead}); }},
           Work{[](Harness&h, const TaskId&id, const TaskId&) {
             applied(h, WaitTask{id, 1min});
           }},
           Work{[](Harness&h, const TaskId&id, const TaskId&) {
             applied(h, SettleOne{{.verb = SettleVerb::complete, .id = id}});
           }},
           Work{[](Harness&h, const TaskId&, const TaskId&) {
             applied(h, Submit{.tasks = {new_task({.key = "k"})}});
           }},
           Work{[](Harness&h, const TaskId&, const TaskId&) { applied(h, GetQueue{"q"}); }},
           Work{[](Harness&h, const TaskId&, const TaskId&) {
             applied(h, DiscardDead{"q", {}});
             h.engine().tick(h.now);
           }},
           Work{[](Harness&h, const TaskId&, const TaskId&) { h.engine().tick(h.now); }},
       }) {
    // Without figures: they would have looked at heads of lanes already.
    Harness h(1, {}, std::nullopt);
    const TaskId dead = h.submit_dead();
    const TaskId id = h.submit();
    h.submit({.queue = "later", .delay = 1h});  // so that a tick has something to look for
    h.restart();                                // so that nothing is in memory
    h.store().fail_reads(true);
    work(h, id, dead);
    REQUIRE(h.engine().failure().has_value());
    CHECK(h.engine().failure()->code == ErrorCode::store_unavailable);
    CHECK(h.engine().take_replies().empty());

    // From now on nothing has any effect, whatever the store says.
    h.store().fail_reads(false);
    h.engine().apply(100, Submit{.tasks = {new_task({})}}, h.now);
    h.engine().tick(h.now);
    CHECK(h.engine().take_replies().empty());
    CHECK(h.engine().failure().has_value());

    h.restart();
    CHECK(h.state(dead) == TaskState::dead);
    CHECK(h.lease_one().id == id);
    CHECK(h.violations() == "");
  }
}

TEST_CASE("an engine that cannot read the store is not recovered") {
  Harness h;
  h.submit();
  h.store().fail_reads(true);
  const Result<std::unique_ptr<Engine>> recovered =
      Engine::recover(h.store(), h.random(), {}, h.now);
  REQUIRE_FALSE(recovered.has_value());
  CHECK(recovered.error().code == ErrorCode::store_unavailable);
}

TEST_CASE("a damaged record is reported, never taken for an absence") {
  Harness h;
  const TaskId id = h.submit();
  REQUIRE(h.store().commit({{{Table::tasks, storage::keys::task(id), "\xff\xff"}}}).has_value());
  h.restart();  // what was submitted just now is at hand, and not read
  h.engine().apply(99, Lease{.queues = {"q"}}, h.now);
  REQUIRE(h.engine().failure().has_value());
  CHECK(h.engine().failure()->code == ErrorCode::store_corrupt);
  CHECK(read_task(h.store(), id).error().code == ErrorCode::store_corrupt);
}

TEST_CASE("a damaged record of a queue or a running task keeps the engine from starting") {
  for (const Table table : {Table::queues, Table::counters, Table::running, Table::meta}) {
    Harness h;
    const TaskId id = h.submit();
    h.lease_one();
    const std::string key = table == Table::running ? storage::keys::id(id)
                            : table == Table::meta  ? std::string(storage::keys::last_commit)
                                                    : storage::keys::queue(1);
    REQUIRE(h.store().commit({{{table, key, "\xff\xff"}}}).has_value());
    const Result<std::unique_ptr<Engine>> recovered =
        Engine::recover(h.store(), h.random(), {}, h.now);
    REQUIRE_FALSE(recovered.has_value());
    CHECK(recovered.error().code == ErrorCode::store_corrupt);
  }
}

TEST_CASE("what was staged when a commit failed is gone with the engine") {
  Harness h;
  const TaskId before = h.submit();
  h.engine().apply(99, Submit{.tasks = {new_task({})}}, h.now);
  h.engine().apply(100, CancelTask{before}, h.now);
  CHECK_FALSE(h.engine().take_batch().writes.empty());  // and was never committed
  h.restart();
  CHECK(h.state(before) == TaskState::ready);
  CHECK(h.count(TaskState::ready) == 1);
  CHECK(h.violations() == "");
}

}  // namespace
}  // namespace quern::engine::testing
