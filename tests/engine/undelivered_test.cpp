// A lease whose answer never reached its worker is taken back as if it had never been.

#include "harness.h"

namespace quern::engine::testing {
namespace {

void not_delivered(Harness& h, const std::vector<TaskView>& leased) {
  Undelivered command;
  for (const TaskView& view : leased) {
    command.leases.push_back({view.id, view.status.lease().token()});
  }
  h.call(std::move(command));
}

TEST_CASE("no attempt is counted, and the first start is forgotten") {
  Harness h;
  const TaskId id = h.submit();
  h.advance(1s);
  not_delivered(h, {h.lease_one()});
  const TaskView view = h.view(id);
  CHECK(view.state() == TaskState::ready);
  CHECK(view.status.attempts() == 0);
  CHECK(view.status.started_at() == 0);
  CHECK(view.failures.empty());
  CHECK(h.violations() == "");
}

TEST_CASE("a later lease that is taken back leaves the first start as it was") {
  Harness h;
  const TaskId id = h.submit();
  h.fail(h.lease_one(), true, 0s);
  const std::int64_t started = h.view(id).status.started_at();
  h.advance(1s);
  not_delivered(h, {h.lease_one()});
  CHECK(h.view(id).status.attempts() == 1);
  CHECK(h.view(id).status.started_at() == started);
}

TEST_CASE("they keep their places, and the next worker gets them at once") {
  Harness h;
  const std::vector<TaskId> ids = h.submit_many(6);
  const std::vector<TaskView> leased = h.lease({"q"}, 3);
  not_delivered(h, {leased[2], leased[0], leased[1]});
  h.restart();
  CHECK(h.lease_ids(6) == ids);
}

TEST_CASE("the expiry is armed again") {
  for (const bool restarts : {false, true}) {
    Harness h;
    const TaskId id = h.submit({.ttl = 10s});
    const TaskView leased = h.lease_one();
    h.advance(4s);
    not_delivered(h, {leased});
    if (restarts) h.restart();
    h.advance(5'999ms);
    CHECK(h.state(id) == TaskState::ready);
    h.advance(1ms);
    CHECK(h.state(id) == TaskState::dead);
    CHECK(h.violations() == "");
  }
}

TEST_CASE("a task whose time ran out while its lease was on the way expires") {
  Harness h;
  const TaskId id = h.submit({.ttl = 10s});
  const TaskView leased = h.lease_one();
  h.advance(20s);
  not_delivered(h, {leased});
  CHECK(static_cast<DeadReason>(h.view(id).status.dead_reason()) == DeadReason::expired);
  CHECK(h.violations() == "");
}

TEST_CASE("a lease that ended otherwise meanwhile is not taken back") {
  Harness h;
  h.submit_many(2);
  const TaskView completed = h.lease_one();
  h.complete(completed);
  const TaskView released = h.lease_one();
  h.release(released);
  const TaskView again = h.lease_one();
  CHECK(again.id == released.id);
  TaskView unknown = again;
  unknown.id = TaskId::from({.unix_ms = 1});
  not_delivered(h, {completed, released, unknown});
  CHECK(h.state(completed.id) == TaskState::succeeded);
  CHECK(h.state(again.id) == TaskState::running);
  CHECK(h.violations() == "");
}

TEST_CASE("the token that was not delivered is worth nothing") {
  Harness h;
  h.submit();
  const TaskView leased = h.lease_one();
  not_delivered(h, {leased});
  CHECK(h.refusal(SettleOne{Harness::item(SettleVerb::complete, leased)}) == ErrorCode::lease_lost);
}

}  // namespace
}  // namespace quern::engine::testing
