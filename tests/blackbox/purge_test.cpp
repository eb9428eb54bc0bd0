// Taking away what is in a queue: delete, purge, retention. Section 6.
#include <string>
#include <vector>

#include "steps.h"

namespace quern::test {
namespace {

// --- Delete and purge

TEST_CASE("an empty queue can be deleted, finished tasks go with it") {
  const std::string queue = fresh_queue();
  submit_batch(std::vector<Json>(2, Json{{"queue", queue}, {"type", "work"}}));
  const std::string succeeded = complete(lease_one(queue))["id"];
  const std::string cancelled = cancel(lease_one(queue)["id"])["id"];
  const Response response = api().del("/queues/" + queue);
  CHECK(response.status == 204);
  CHECK(response.body.empty());
  CHECK(refusal(api().get("/queues/" + queue)) == "404 queue_not_found");
  CHECK(refusal(api().del("/queues/" + queue)) == "404 queue_not_found");
  CHECK(is_gone(succeeded));
  CHECK(is_gone(cancelled));
  CHECK(api().get("/tasks?queue=" + queue).json()["tasks"].empty());
}

TEST_CASE("a queue with unfinished or dead tasks is deleted by force only") {
  const auto in_state = [](const std::string& queue, const std::string& state) {
    if (state == "dead") return dead_task(queue)["id"].get<std::string>();
    const Json delay = state == "scheduled" ? Json{{"delay_ms", 3'600'000}} : Json::object();
    std::string id = submit(queue, delay)["id"];
    if (state == "running" || state == "retrying") {
      const Json leased = lease_one(queue);
      if (state == "retrying") fail(leased);
    }
    return id;
  };
  for (const char* state : {"ready", "scheduled", "running", "retrying", "dead"}) {
    CAPTURE(state);
    const std::string queue = fresh_queue();
    const std::string id = in_state(queue, state);
    CHECK(refusal(api().del("/queues/" + queue)) == "409 queue_not_empty");
    CHECK(refusal(api().del("/queues/" + queue + "?force=false")) == "409 queue_not_empty");
    CHECK(task(id)["state"] == state);
    CHECK(api().del("/queues/" + queue + "?force=true").status == 204);
    CHECK(is_gone(id));
    CHECK(refusal(api().get("/queues/" + queue)) == "404 queue_not_found");
  }
}

TEST_CASE("a queue that was deleted starts anew with its next task") {
  const std::string queue = fresh_queue();
  put_queue(queue, {{"max_attempts", 9}});
  submit(queue);
  const Json leased = lease_one(queue);
  REQUIRE(api().del("/queues/" + queue + "?force=true").status == 204);
  CHECK(refusal(settle_call("complete", leased)) == "404 task_not_found");
  const std::string id = submit(queue)["id"];
  CHECK(counts(queue) == Json{{"ready", 1}});
  CHECK(test::queue(queue)["max_attempts"] == 5);
  CHECK(lease_one(queue)["id"] == id);
}

TEST_CASE("purge removes the tasks that are in the given states, and no others") {
  const std::string queue = fresh_queue();
  const std::string scheduled = submit(queue, {{"delay_ms", 3'600'000}})["id"];
  const std::string dead = dead_task(queue)["id"];
  const std::string cancelled = cancel(submit(queue)["id"])["id"];
  submit(queue, {{"priority", 9}});
  const std::string succeeded = complete(lease_one(queue))["id"];
  submit(queue, {{"priority", 9}});
  const std::string retrying = fail(lease_one(queue), {{"retry_after_ms", 3'600'000}})["id"];
  submit(queue, {{"priority", 9}});
  const std::string running = lease_one(queue)["id"];
  const std::string ready = submit(queue)["id"];
  const auto purge = [&](const Json& states) {
    return api().post("/queues/" + queue + "/purge", {{"states", states}});
  };

  CHECK(purge({"blocked"}).json() == Json{{"purged", 0}});
  CHECK(purge({"ready", "dead"}).json() == Json{{"purged", 2}});
  CHECK(is_gone(ready));
  CHECK(is_gone(dead));
  CHECK(
      counts(queue) ==
      Json{{"scheduled", 1}, {"cancelled", 1}, {"succeeded", 1}, {"retrying", 1}, {"running", 1}});
  CHECK(purge({"ready", "dead"}).json() == Json{{"purged", 0}});
  CHECK(purge({"scheduled", "cancelled", "succeeded", "retrying"}).json() == Json{{"purged", 4}});
  for (const std::string& id : {scheduled, cancelled, succeeded, retrying}) CHECK(is_gone(id));
  CHECK(counts(queue) == Json{{"running", 1}});
  CHECK(task(running)["state"] == "running");
  CHECK(api().get("/tasks?queue=" + queue).json()["tasks"].size() == 1);
  CHECK(dead_ids(queue).empty());
}

TEST_CASE("purge must be told its states, and refuses running ones") {
  const std::string queue = fresh_queue();
  submit(queue);
  const auto purge = [&](const Json& body) {
    return refusal(api().post("/queues/" + queue + "/purge", body));
  };
  CHECK(purge(Json::object()) == "400 invalid_argument /states");
  CHECK(purge({{"states", "ready"}}) == "400 invalid_argument /states");
  CHECK(purge({{"states", {"ready", "running"}}}) == "400 invalid_argument /states/1");
  CHECK(purge({{"states", {"done"}}}) == "400 invalid_argument /states/0");
  CHECK(purge({{"states", {"ready"}}, {"force", true}}) == "400 invalid_argument /force");
  CHECK(counts(queue) == Json{{"ready", 1}});
}

TEST_CASE("a purged task's idempotency key is free again") {
  const std::string queue = fresh_queue();
  const std::string id = submit(queue, {{"idempotency_key", "k"}, {"payload", 1}})["id"];
  REQUIRE(api().post("/queues/" + queue + "/purge", {{"states", {"ready"}}}).status == 200);
  CHECK(submit(queue, {{"idempotency_key", "k"}, {"payload", 2}})["id"] != id);
}

std::vector<std::string> submit_many(const std::string& queue, std::size_t count,
                                     Json fields = Json::object()) {
  fields["queue"] = queue;
  fields["type"] = "work";
  return ids_of(Json(submit_batch(std::vector<Json>(count, fields))));
}

TEST_CASE("what is purged is gone at once, however much it is") {
  const std::string queue = fresh_queue();
  const std::string operation = "purge of " + queue;
  const std::vector<std::string> ids = submit_many(queue, 5000, {{"correlation_id", operation}});
  const std::string kept = submit(queue, {{"delay_ms", 3'600'000}})["id"];
  CHECK(api().post("/queues/" + queue + "/purge", {{"states", {"ready"}}}).json() ==
        Json{{"purged", 5000}});
  CHECK(counts(queue) == Json{{"scheduled", 1}});
  CHECK(lease_up_to(queue, 10).empty());
  for (const std::size_t i : {0u, 1u, 2500u, 4998u, 4999u}) CHECK(is_gone(ids[i]));
  CHECK(ids_of(api().get("/tasks?queue=" + queue).json()["tasks"]) == std::vector{kept});
  CHECK(api().get("/tasks?correlation_id=" + percent_encoded(operation)).json()["tasks"].empty());
  const std::string next = submit(queue)["id"];
  CHECK(lease_one(queue)["id"] == next);
}

TEST_CASE("a large queue that is deleted by force does not come back with its name") {
  const std::string queue = fresh_queue();
  const std::vector<std::string> ids = submit_many(queue, 5000);
  const std::string keyed = submit(queue, {{"idempotency_key", "k"}, {"payload", 1}})["id"];
  lease_up_to(queue, 100);
  REQUIRE(api().del("/queues/" + queue + "?force=true").status == 204);
  const std::string next = submit(queue, {{"idempotency_key", "k"}, {"payload", 2}})["id"];
  CHECK(next != keyed);
  CHECK(counts(queue) == Json{{"ready", 1}});
  for (const std::size_t i : {0u, 50u, 2500u, 4999u}) CHECK(is_gone(ids[i]));
  CHECK(is_gone(keyed));
  CHECK(ids_of(api().get("/tasks?queue=" + queue).json()["tasks"]) == std::vector{next});
  CHECK(ids_of(Json(lease_up_to(queue, 10))) == std::vector{next});
  CHECK(counts(queue) == Json{{"running", 1}});
}

// --- Retention

TEST_CASE("finished tasks are kept for retention_ms, the dead until a person acts") {
  const std::string queue = fresh_queue();
  put_queue(queue, {{"retention_ms", 1}});
  const std::string dead = dead_task(queue)["id"];
  const std::string waiting = submit(queue, {{"delay_ms", 3'600'000}})["id"];
  const std::string cancelled = cancel(submit(queue)["id"])["id"];
  submit(queue);
  const std::string succeeded = complete(lease_one(queue))["id"];
  await_gone(cancelled);
  await_gone(succeeded);
  CHECK(counts(queue) == Json{{"dead", 1}, {"scheduled", 1}});
  CHECK(task(dead)["state"] == "dead");
  CHECK(task(waiting)["state"] == "scheduled");
  CHECK(ids_of(api().get("/tasks?queue=" + queue).json()["tasks"]).size() == 2);
}

TEST_CASE("the dead are kept for dead_retention_ms when it is set") {
  const std::string queue = fresh_queue();
  put_queue(queue, {{"dead_retention_ms", 1}});
  const std::string dead = dead_task(queue)["id"];
  submit(queue);
  const std::string succeeded = complete(lease_one(queue))["id"];
  await_gone(dead);
  CHECK(counts(queue) == Json{{"succeeded", 1}});
  CHECK(task(succeeded)["state"] == "succeeded");
}

TEST_CASE("a task is kept at least as long as its idempotency key") {
  const std::string queue = fresh_queue();
  put_queue(queue, {{"retention_ms", 1}});
  const Json keyed = {{"idempotency_key", "k"}};
  const std::string kept = submit(queue, keyed)["id"];
  submit(queue);
  complete(lease_one(queue));
  const std::string unkeyed = complete(lease_one(queue))["id"];
  await_gone(unkeyed);
  CHECK(task(kept)["state"] == "succeeded");
  CHECK(submit(queue, keyed)["id"] == kept);
  CHECK(counts(queue) == Json{{"succeeded", 1}});
}

TEST_CASE("a task goes when both its retention and its key's window are over") {
  const std::string queue = fresh_queue();
  put_queue(queue, {{"retention_ms", 1}, {"idempotency_window_ms", 300}});
  const std::string id = submit(queue, {{"idempotency_key", "k"}})["id"];
  complete(lease_one(queue));
  await_gone(id);
  CHECK(submit(queue, {{"idempotency_key", "k"}})["id"] != id);
}

TEST_CASE("a shorter retention applies to what has finished already") {
  const std::string queue = fresh_queue();
  submit(queue);
  const std::string id = complete(lease_one(queue))["id"];
  patch_queue(queue, {{"retention_ms", 1}});
  await_gone(id);
}

}  // namespace
}  // namespace quern::test
