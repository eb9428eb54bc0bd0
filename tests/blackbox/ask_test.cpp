// Asking after tasks, cancelling and redriving one. Section 4.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "steps.h"

namespace quern::test {
namespace {

const std::string unknown_id = "01900000-0000-7000-8000-000000000000";

// All the pages of a listing; checks that no page is longer than `limit`.
std::vector<Json> read_pages(const std::string& target, const std::string& member,
                             std::size_t limit) {
  std::vector<Json> all;
  std::string cursor;
  for (;;) {
    const Response response = api().get(target + "limit=" + std::to_string(limit) + cursor);
    REQUIRE(response.status == 200);
    const Json page = response.json();
    CHECK(page[member].size() <= limit);
    for (const Json& entry : page[member]) all.push_back(entry);
    if (page["next_cursor"].is_null()) return all;
    cursor = "&cursor=" + percent_encoded(page["next_cursor"].get<std::string>());
  }
}

std::vector<std::string> list_ids(const std::string& query, std::size_t limit = 1000) {
  return ids_of(read_pages("/tasks?" + query + "&", "tasks", limit));
}

PendingCall wait_for(const std::string& id, int wait_ms) {
  return {server().port(),
          {.method = "GET",
           .target = "/tasks/" + id + "?wait_ms=" + std::to_string(wait_ms),
           .headers = {},
           .body = {}}};
}

TEST_CASE("a task that does not exist is 404 task_not_found") {
  CHECK(refusal(api().get("/tasks/" + unknown_id)) == "404 task_not_found");
  // Nothing to wait for.
  CHECK(refusal(api().get("/tasks/" + unknown_id + "?wait_ms=60000")) == "404 task_not_found");
}

TEST_CASE("waiting for a task is answered as soon as it is terminal") {
  const std::string queue = fresh_queue();
  for (const std::string ending : {"succeeded", "dead", "cancelled"}) {
    CAPTURE(ending);
    const std::string id = submit(queue)["id"];
    PendingCall waiting = wait_for(id, 60'000);
    PendingCall also_waiting = wait_for(id, 60'000);
    if (ending == "cancelled") {
      cancel(id);
    } else {
      const Json leased = lease_one(queue);
      CHECK_FALSE(waiting.answered());
      if (ending == "succeeded") complete(leased, 42);
      if (ending == "dead") fail(leased, {{"retryable", false}});
    }
    const Json seen = waiting.wait().json();
    CHECK(seen["state"] == ending);
    CHECK(seen == task(id));
    CHECK(also_waiting.wait().json() == seen);
    CHECK(api().get("/tasks/" + id + "?wait_ms=60000").json() == seen);
  }
}

TEST_CASE("waiting for a task is answered as it stands when the time is over") {
  const std::string queue = fresh_queue();
  const std::string id = submit(queue)["id"];
  const auto begin = Clock::now();
  const Response response = api().get("/tasks/" + id + "?wait_ms=100");
  CHECK(response.status == 200);
  CHECK(response.json()["state"] == "ready");
  CHECK(Clock::now() - begin >= std::chrono::milliseconds(100) - clock_tick);
  CHECK(api().get("/tasks/" + id + "?wait_ms=0").json()["state"] == "ready");
}

TEST_CASE("a list needs a queue or a correlation id") {
  CHECK(refusal(api().get("/tasks")).starts_with("400 invalid_argument"));
  CHECK(refusal(api().get("/tasks?state=ready")).starts_with("400 invalid_argument"));
  CHECK(refusal(api().get("/tasks?limit=5&type=work")).starts_with("400 invalid_argument"));
}

TEST_CASE("a queue that does not exist has no tasks") {
  const Response response = api().get("/tasks?queue=" + fresh_queue());
  CHECK(response.status == 200);
  CHECK(response.json() == Json{{"tasks", Json::array()}, {"next_cursor", nullptr}});
}

TEST_CASE("a list is oldest submitted first, without payloads and results") {
  const std::string queue = fresh_queue();
  std::vector<std::string> ids;
  for (int i = 0; i < 12; ++i) {
    // Neither priority nor delay changes the order of a list.
    Json fields = {{"priority", i % 10}, {"payload", i}};
    if (i % 3 == 0) fields["delay_ms"] = 3'600'000 - i;
    ids.push_back(submit(queue, fields)["id"]);
  }
  complete(lease_one(queue), "done");
  CHECK(list_ids("queue=" + queue) == ids);
  const Json listed = api().get("/tasks?queue=" + queue).json()["tasks"];
  for (const Json& each : listed) {
    CHECK_FALSE(each.contains("payload"));
    CHECK_FALSE(each.contains("result"));
    Json whole = task(each["id"]);
    whole.erase("payload");
    whole.erase("result");
    CHECK(each == whole);
  }
}

TEST_CASE("paging shows every task exactly once, whatever the page size") {
  const std::string queue = fresh_queue();
  std::vector<Json> tasks;
  for (int i = 0; i < 25; ++i)
    tasks.push_back({{"queue", queue}, {"type", "work"}, {"priority", i % 10}});
  const std::vector<std::string> ids = ids_of(Json(submit_batch(tasks)));
  for (const std::size_t limit : {1u, 2u, 7u, 24u, 25u, 26u, 1000u}) {
    CAPTURE(limit);
    CHECK(list_ids("queue=" + queue, limit) == ids);
  }
}

TEST_CASE("a page holds 100 tasks unless told otherwise") {
  const std::string queue = fresh_queue();
  submit_batch(std::vector<Json>(101, Json{{"queue", queue}, {"type", "work"}}));
  const Json page = api().get("/tasks?queue=" + queue).json();
  CHECK(page["tasks"].size() == 100);
  CHECK(page["next_cursor"].is_string());
}

TEST_CASE("tasks that come and go between pages neither repeat nor hide others") {
  const std::string queue = fresh_queue();
  const std::vector<std::string> ids =
      ids_of(Json(submit_batch(std::vector<Json>(10, Json{{"queue", queue}, {"type", "work"}}))));
  const Json first = api().get("/tasks?limit=4&queue=" + queue).json();
  REQUIRE(ids_of(first["tasks"]) == std::vector<std::string>(ids.begin(), ids.begin() + 4));
  complete(lease_one(queue));
  cancel(ids[5]);
  const std::string later = submit(queue)["id"];
  const std::string cursor = percent_encoded(first["next_cursor"].get<std::string>());
  std::vector<std::string> rest(ids.begin() + 4, ids.end());
  rest.push_back(later);
  CHECK(
      ids_of(api().get("/tasks?limit=100&queue=" + queue + "&cursor=" + cursor).json()["tasks"]) ==
      rest);
}

TEST_CASE("a list can be narrowed by state and type") {
  const std::string queue = fresh_queue();
  const std::string scheduled = submit(queue, {{"delay_ms", 3'600'000}})["id"];
  const std::string dead = dead_task(queue)["id"];
  const std::string cancelled = cancel(submit(queue)["id"])["id"];
  submit(queue, {{"priority", 9}});
  const std::string succeeded = complete(lease_one(queue))["id"];
  submit(queue, {{"priority", 9}});
  const std::string retrying = fail(lease_one(queue))["id"];
  submit(queue, {{"priority", 9}});
  const std::string running = lease_one(queue)["id"];
  const std::string ready = submit(queue, {{"type", "other"}})["id"];

  const std::vector<std::pair<std::string, std::string>> expected = {
      {"scheduled", scheduled}, {"dead", dead},         {"cancelled", cancelled},
      {"succeeded", succeeded}, {"retrying", retrying}, {"running", running},
      {"ready", ready}};
  for (const auto& [state, id] : expected) {
    CAPTURE(state);
    CHECK(list_ids("queue=" + queue + "&state=" + state) == std::vector{id});
    CHECK(list_ids("queue=" + queue + "&state=" + state, 1) == std::vector{id});
    CHECK(counts(queue)[state] == 1);
  }
  CHECK(list_ids("queue=" + queue + "&state=blocked").empty());
  CHECK(list_ids("queue=" + queue + "&type=other") == std::vector{ready});
  CHECK(list_ids("queue=" + queue + "&type=work&state=dead") == std::vector{dead});
  CHECK(list_ids("queue=" + queue + "&type=other&state=dead").empty());
  CHECK(list_ids("queue=" + queue + "&type=nobody").empty());
}

TEST_CASE("a correlation id finds the whole history of an operation over all queues") {
  const std::string one = fresh_queue();
  const std::string two = fresh_queue();
  const std::string operation = "op of " + one;
  std::vector<std::string> ids;
  for (int i = 0; i < 6; ++i) {
    ids.push_back(submit(i % 2 == 0 ? one : two, {{"correlation_id", operation}})["id"]);
    submit(one, {{"correlation_id", operation + "!"}});
    submit(two);
  }
  complete(lease_one(one));
  const std::string query = "correlation_id=" + percent_encoded(operation);
  CHECK(list_ids(query) == ids);
  CHECK(list_ids(query, 1) == ids);
  CHECK(list_ids(query, 2) == ids);
  CHECK(list_ids(query + "&queue=" + two) == std::vector{ids[1], ids[3], ids[5]});
  CHECK(list_ids(query + "&state=succeeded") == std::vector{ids[0]});
  CHECK(list_ids("correlation_id=" + percent_encoded(operation + "?")).empty());
}

TEST_CASE("a task is found by its own id as correlation id, with those that carry it on") {
  const std::string queue = fresh_queue();
  const std::string root = submit(queue)["id"];
  const std::string child = submit(fresh_queue(), {{"correlation_id", root}})["id"];
  CHECK(list_ids("correlation_id=" + root) == std::vector{root, child});
}

// --- Cancel

TEST_CASE("a task that is not finished can be cancelled from every state") {
  const std::string queue = fresh_queue();
  const std::string scheduled = submit(queue, {{"delay_ms", 3'600'000}})["id"];
  const std::string ready = submit(queue)["id"];
  submit(queue, {{"priority", 9}});
  const std::string retrying = fail(lease_one(queue))["id"];
  submit(queue, {{"priority", 9}});
  const std::string running = lease_one(queue)["id"];
  for (const std::string& id : {scheduled, ready, retrying, running}) {
    const Json cancelled = cancel(id);
    CHECK(cancelled["id"] == id);
    CHECK(cancelled["state"] == "cancelled");
    CHECK(cancelled.contains("finished_at"));
    CHECK_FALSE(cancelled.contains("lease"));
    CHECK_FALSE(cancelled.contains("dead_reason"));
    CHECK(task(id) == cancelled);
  }
  CHECK(counts(queue) == Json{{"cancelled", 4}});
  CHECK(lease_up_to(queue, 10).empty());
}

TEST_CASE("a cancelled task's worker is refused whatever it says, and changes nothing") {
  const std::string queue = fresh_queue();
  submit(queue);
  const Json leased = lease_one(queue);
  const Json cancelled = cancel(leased["id"]);
  CHECK(refusal(settle_call("heartbeat", leased)) == "409 lease_lost");
  CHECK(refusal(settle_call("complete", leased, {{"result", 1}})) == "409 lease_lost");
  CHECK(refusal(settle_call("fail", leased, {{"error", {{"type", "x"}, {"message", "y"}}}})) ==
        "409 lease_lost");
  CHECK(refusal(settle_call("release", leased)) == "409 lease_lost");
  CHECK(task(leased["id"]) == cancelled);
}

TEST_CASE("a finished task cannot be cancelled") {
  const std::string queue = fresh_queue();
  submit(queue);
  const std::string succeeded = complete(lease_one(queue))["id"];
  const std::string dead = dead_task(queue)["id"];
  const std::string cancelled = cancel(submit(queue)["id"])["id"];
  for (const std::string& id : {succeeded, dead, cancelled}) {
    const Json before = task(id);
    CHECK(refusal(api().post("/tasks/" + id + "/cancel")) == "409 task_finished");
    CHECK(task(id) == before);
  }
}

// --- Redrive

TEST_CASE("a dead task that is redriven is ready, with no attempts made") {
  const std::string queue = fresh_queue();
  const Json dead = dead_task(queue, {{"payload", {7}}}, "max_attempts");
  const std::string id = dead["id"];
  const Response response = api().post("/tasks/" + id + "/redrive");
  REQUIRE(response.status == 200);
  const Json redriven = response.json();
  CHECK(redriven["id"] == id);
  CHECK(redriven["state"] == "ready");
  CHECK(redriven["attempts"] == 0);
  CHECK(redriven["redrives"] == 1);
  CHECK(redriven["payload"] == Json{7});
  CHECK_FALSE(redriven.contains("dead_reason"));
  CHECK_FALSE(redriven.contains("finished_at"));
  CHECK(task(id) == redriven);
  CHECK(counts(queue) == Json{{"ready", 1}});

  const Json leased = lease_one(queue);
  CHECK(leased["id"] == id);
  CHECK(leased["attempts"] == 1);
  CHECK(complete(leased)["state"] == "succeeded");
}

TEST_CASE("a redrive clears the expiry") {
  const std::string queue = fresh_queue();
  const std::string id = submit(queue, {{"ttl_ms", 50}})["id"];
  REQUIRE(api().get("/tasks/" + id + "?wait_ms=30000").json()["dead_reason"] == "expired");
  const Json redriven = api().post("/tasks/" + id + "/redrive").json();
  CHECK(redriven["state"] == "ready");
  CHECK_FALSE(redriven.contains("expires_at"));
  CHECK(lease_one(queue)["id"] == id);
}

TEST_CASE("a redrive counts, each time anew") {
  const std::string queue = fresh_queue();
  const std::string id = dead_task(queue)["id"];
  for (int round = 1; round <= 3; ++round) {
    CHECK(api().post("/tasks/" + id + "/redrive").json()["redrives"] == round);
    CHECK(fail(lease_one(queue), {{"retryable", false}})["redrives"] == round);
  }
}

TEST_CASE("a task that is not dead cannot be redriven") {
  const std::string queue = fresh_queue();
  const std::string scheduled = submit(queue, {{"delay_ms", 3'600'000}})["id"];
  const std::string cancelled = cancel(submit(queue)["id"])["id"];
  submit(queue, {{"priority", 9}});
  const std::string succeeded = complete(lease_one(queue))["id"];
  submit(queue, {{"priority", 9}});
  const std::string retrying = fail(lease_one(queue))["id"];
  submit(queue, {{"priority", 9}});
  const std::string running = lease_one(queue)["id"];
  const std::string ready = submit(queue)["id"];
  for (const std::string& id : {scheduled, cancelled, succeeded, retrying, running, ready}) {
    const Json before = task(id);
    CAPTURE(before["state"]);
    CHECK(refusal(api().post("/tasks/" + id + "/redrive")) == "409 not_dead");
    CHECK(task(id) == before);
  }
}

}  // namespace
}  // namespace quern::test
