// Queues: settings, counts, pause, purge, dead letters, retention. Section 6.
#include <algorithm>
#include <string>
#include <vector>

#include "steps.h"

namespace quern::test {
namespace {

const Json default_settings = {{"max_attempts", 5},
                               {"retry",
                                {{"strategy", "exponential"},
                                 {"base_ms", 2000},
                                 {"factor", 2},
                                 {"max_ms", 120'000},
                                 {"jitter", true}}},
                               {"lease_ms", 60'000},
                               {"timeout_ms", nullptr},
                               {"ttl_ms", nullptr},
                               {"retention_ms", 86'400'000},
                               {"dead_retention_ms", nullptr},
                               {"idempotency_window_ms", 86'400'000},
                               {"max_backlog", nullptr},
                               {"paused", false}};

const Json no_counts = {{"blocked", 0},  {"scheduled", 0}, {"ready", 0},     {"running", 0},
                        {"retrying", 0}, {"dead", 0},      {"succeeded", 0}, {"cancelled", 0}};

Json expected_queue(const std::string& name, const Json& changes = Json::object()) {
  Json expected = default_settings;
  expected.merge_patch(changes);
  // merge_patch takes a null away; here it is a value.
  for (const auto& [setting, value] : default_settings.items()) {
    if (!expected.contains(setting)) expected[setting] = value;
  }
  expected["name"] = name;
  expected["counts"] = no_counts;
  expected["oldest_ready_age_ms"] = nullptr;
  return expected;
}

Response redrive(const std::string& queue, const Json& body) {
  return api().post("/queues/" + queue + "/dead/redrive", body);
}

Response discard(const std::string& queue, const Json& body) {
  return api().post("/queues/" + queue + "/dead/discard", body);
}

std::vector<std::string> dead_ids(const std::string& queue, std::size_t limit = 1000) {
  std::vector<std::string> ids;
  std::string cursor;
  for (;;) {
    const Response response =
        api().get("/queues/" + queue + "/dead?limit=" + std::to_string(limit) + cursor);
    REQUIRE(response.status == 200);
    const Json page = response.json();
    CHECK(page["tasks"].size() <= limit);
    for (const std::string& id : ids_of(page["tasks"])) ids.push_back(id);
    if (page["next_cursor"].is_null()) return ids;
    cursor = "&cursor=" + percent_encoded(page["next_cursor"].get<std::string>());
  }
}

bool is_gone(const std::string& id) {
  return refusal(api().get("/tasks/" + id)) == "404 task_not_found";
}

void await_gone(const std::string& id) {
  eventually(
      "the task is gone", [&] { return api().get("/tasks/" + id).status; },
      [](int status) { return status == 404; });
}

// --- Settings

TEST_CASE("PUT creates a queue, with defaults for what is left out") {
  const std::string queue = fresh_queue();
  CHECK(refusal(api().get("/queues/" + queue)) == "404 queue_not_found");
  CHECK(put_queue(queue) == expected_queue(queue));
  CHECK(test::queue(queue) == expected_queue(queue));
}

TEST_CASE("a queue that is created by its first task has the default settings") {
  const std::string queue = fresh_queue();
  submit(queue);
  Json shown = test::queue(queue);
  CHECK(shown["counts"]["ready"] == 1);
  shown["counts"] = no_counts;
  shown["oldest_ready_age_ms"] = nullptr;
  CHECK(shown == expected_queue(queue));
}

TEST_CASE("PUT sets the whole configuration") {
  const std::string queue = fresh_queue();
  const Json all = {
      {"max_attempts", 7},
      {"retry",
       {{"strategy", "linear"}, {"base_ms", 1}, {"factor", 3.5}, {"max_ms", 9}, {"jitter", false}}},
      {"lease_ms", 1000},
      {"timeout_ms", 2000},
      {"ttl_ms", 3000},
      {"retention_ms", 4000},
      {"dead_retention_ms", 5000},
      {"idempotency_window_ms", 6000},
      {"max_backlog", 7000},
      {"paused", true}};
  CHECK(put_queue(queue, all) == expected_queue(queue, all));
  CHECK(test::queue(queue) == expected_queue(queue, all));
  // What is left out becomes the default, inside `retry` too.
  const Json some = {{"retry", {{"strategy", "fixed"}}}, {"lease_ms", 2000}};
  CHECK(put_queue(queue, some) == expected_queue(queue, some));
  CHECK(put_queue(queue) == expected_queue(queue));
}

TEST_CASE("PUT takes null for what can be none") {
  const std::string queue = fresh_queue();
  CHECK(put_queue(queue, {{"timeout_ms", nullptr},
                          {"ttl_ms", nullptr},
                          {"dead_retention_ms", nullptr},
                          {"max_backlog", nullptr}}) == expected_queue(queue));
}

TEST_CASE("a body is required where settings are set") {
  const std::string path = "/queues/" + fresh_queue();
  CHECK(api().send({.method = "PUT", .target = path, .headers = {}, .body = {}}).status == 400);
  CHECK(refusal(api().get(path)) == "404 queue_not_found");
  CHECK(refusal(api().put(path, Json::array())) == "400 invalid_argument ");
  CHECK(refusal(api().put(path, nullptr)) == "400 invalid_argument ");
}

TEST_CASE("PATCH merges, null resets, and parts of retry are merged one by one") {
  const std::string queue = fresh_queue();
  put_queue(
      queue,
      {{"max_attempts", 7}, {"ttl_ms", 1000}, {"retry", {{"strategy", "linear"}, {"base_ms", 5}}}});
  const Json patched =
      patch_queue(queue, {{"lease_ms", 5000}, {"ttl_ms", nullptr}, {"retry", {{"base_ms", 6}}}});
  CHECK(patched == expected_queue(queue, {{"max_attempts", 7},
                                          {"lease_ms", 5000},
                                          {"retry", {{"strategy", "linear"}, {"base_ms", 6}}}}));
  CHECK(test::queue(queue) == patched);
  CHECK(patch_queue(queue, Json::object()) == patched);
  CHECK(
      patch_queue(queue, {{"max_attempts", nullptr}, {"lease_ms", nullptr}, {"retry", nullptr}}) ==
      expected_queue(queue));
}

TEST_CASE("PATCH takes application/merge-patch+json as well, PUT does not") {
  const std::string queue = fresh_queue();
  put_queue(queue);
  const auto with_type = [&](const char* method, const char* type) {
    return api().send({.method = method,
                       .target = "/queues/" + queue,
                       .headers = {},
                       .body = R"({"max_attempts":9})",
                       .content_type = type});
  };
  CHECK(with_type("PATCH", "application/merge-patch+json").json()["max_attempts"] == 9);
  CHECK(refusal(with_type("PUT", "application/merge-patch+json")) == "415 unsupported_media_type");
  CHECK(refusal(with_type("PATCH", "text/plain")) == "415 unsupported_media_type");
}

TEST_CASE("a setting that is unknown or out of range is 400, and nothing is set") {
  const std::int64_t eleven_years = std::int64_t{11} * 365 * 86'400'000;
  struct Row {
    const char* setting;
    Json value;
    const char* pointer;
  };
  const std::string queue = fresh_queue();
  put_queue(queue, {{"max_attempts", 9}});
  for (const Row& row : std::vector<Row>{
           {"max_attempts", 0, "/max_attempts"},
           {"max_attempts", 101, "/max_attempts"},
           {"max_attempts", "5", "/max_attempts"},
           {"lease_ms", 999, "/lease_ms"},
           {"lease_ms", 43'200'001, "/lease_ms"},
           {"timeout_ms", -1, "/timeout_ms"},
           {"timeout_ms", eleven_years, "/timeout_ms"},
           {"ttl_ms", -1, "/ttl_ms"},
           {"ttl_ms", eleven_years, "/ttl_ms"},
           {"retention_ms", -1, "/retention_ms"},
           {"retention_ms", eleven_years, "/retention_ms"},
           {"dead_retention_ms", -1, "/dead_retention_ms"},
           {"dead_retention_ms", "never", "/dead_retention_ms"},
           {"idempotency_window_ms", -1, "/idempotency_window_ms"},
           {"idempotency_window_ms", eleven_years, "/idempotency_window_ms"},
           {"max_backlog", -1, "/max_backlog"},
           {"max_backlog", 1.5, "/max_backlog"},
           {"paused", "yes", "/paused"},
           {"paused", 1, "/paused"},
           {"retry", "none", "/retry"},
           {"retry", {{"strategy", "none"}}, "/retry/strategy"},
           {"retry", {{"base_ms", -1}}, "/retry/base_ms"},
           {"retry", {{"max", 1}}, "/retry/max"},
           {"max_retries", 5, "/max_retries"},
           {"name", "x", "/name"},
           {"counts", no_counts, "/counts"},
       }) {
    CAPTURE(std::string(row.setting));
    CAPTURE(row.value.dump());
    Json body = {{"paused", true}};
    body[row.setting] = row.value;
    const std::string refused = std::string("400 invalid_argument ") + row.pointer;
    CHECK(refusal(api().put("/queues/" + queue, body)) == refused);
    CHECK(refusal(api().patch("/queues/" + queue, body)) == refused);
  }
  CHECK(test::queue(queue) == expected_queue(queue, {{"max_attempts", 9}}));
}

TEST_CASE("calls about a queue that does not exist are 404 queue_not_found") {
  const std::string path = "/queues/" + fresh_queue();
  const std::string refused = "404 queue_not_found";
  CHECK(refusal(api().get(path)) == refused);
  CHECK(refusal(api().patch(path, Json::object())) == refused);
  CHECK(refusal(api().del(path)) == refused);
  CHECK(refusal(api().del(path + "?force=true")) == refused);
  CHECK(refusal(api().post(path + "/pause")) == refused);
  CHECK(refusal(api().post(path + "/resume")) == refused);
  CHECK(refusal(api().post(path + "/purge", {{"states", {"ready"}}})) == refused);
  CHECK(refusal(api().get(path + "/dead")) == refused);
  CHECK(refusal(api().post(path + "/dead/redrive", {{"all", true}})) == refused);
  CHECK(refusal(api().post(path + "/dead/discard", {{"all", true}})) == refused);
}

TEST_CASE("all queues are listed, in pages") {
  std::vector<std::string> created;
  for (int i = 0; i < 5; ++i) {
    created.push_back("listed-" + fresh_queue());
    put_queue(created.back());
  }
  for (const char* limit : {"1", "2", "1000"}) {
    CAPTURE(limit);
    std::vector<std::string> names;
    std::string cursor;
    for (;;) {
      const Response response = api().get("/queues?limit=" + std::string(limit) + cursor);
      REQUIRE(response.status == 200);
      const Json page = response.json();
      for (const Json& each : page["queues"]) {
        const std::string name = each["name"];
        names.push_back(name);
        if (name.starts_with("listed-")) CHECK(each == expected_queue(name));
      }
      if (page["next_cursor"].is_null()) break;
      cursor = "&cursor=" + percent_encoded(page["next_cursor"].get<std::string>());
    }
    for (const std::string& name : created)
      CHECK(std::count(names.begin(), names.end(), name) == 1);
    std::vector<std::string> once = names;
    std::sort(once.begin(), once.end());
    CHECK(std::adjacent_find(once.begin(), once.end()) == once.end());
  }
}

// --- Counts

TEST_CASE("counts are exact through every transition") {
  const std::string queue = fresh_queue();
  put_queue(queue,
            {{"retry", {{"strategy", "fixed"}, {"base_ms", 3'600'000}, {"max_ms", 3'600'000}}}});
  CHECK(counts(queue) == Json::object());
  submit_batch(std::vector<Json>(10, Json{{"queue", queue}, {"type", "work"}}));
  CHECK(counts(queue) == Json{{"ready", 10}});
  submit(queue, {{"delay_ms", 3'600'000}});
  CHECK(counts(queue) == Json{{"ready", 10}, {"scheduled", 1}});
  const std::vector<Json> leased = lease_up_to(queue, 6);
  CHECK(counts(queue) == Json{{"ready", 4}, {"scheduled", 1}, {"running", 6}});
  complete(leased[0]);
  fail(leased[1]);
  fail(leased[2], {{"retryable", false}});
  release(leased[3]);
  cancel(leased[4]["id"]);
  CHECK(counts(queue) == Json{{"ready", 5},
                              {"scheduled", 1},
                              {"running", 1},
                              {"retrying", 1},
                              {"dead", 1},
                              {"succeeded", 1},
                              {"cancelled", 1}});
  // A repeated call, and one that is refused, count nothing.
  complete(leased[0]);
  CHECK(settle_call("release", leased[3]).status == 409);
  CHECK(api().post("/tasks/" + leased[2]["id"].get<std::string>() + "/redrive").status == 200);
  CHECK(counts(queue) == Json{{"ready", 6},
                              {"scheduled", 1},
                              {"running", 1},
                              {"retrying", 1},
                              {"succeeded", 1},
                              {"cancelled", 1}});
}

TEST_CASE("the age of the oldest ready task is null when nothing is ready, and grows") {
  const std::string queue = fresh_queue();
  put_queue(queue);
  CHECK(test::queue(queue)["oldest_ready_age_ms"].is_null());
  submit(queue, {{"delay_ms", 3'600'000}});
  CHECK(test::queue(queue)["oldest_ready_age_ms"].is_null());
  submit(queue);
  const std::int64_t first = test::queue(queue)["oldest_ready_age_ms"];
  eventually(
      "the age grows",
      [&] { return test::queue(queue)["oldest_ready_age_ms"].get<std::int64_t>(); },
      [&](std::int64_t age) { return age > first + 20; });
  submit(queue, {{"priority", 9}});
  CHECK(test::queue(queue)["oldest_ready_age_ms"] > first + 20);
  lease_up_to(queue, 2);
  CHECK(test::queue(queue)["oldest_ready_age_ms"].is_null());
}

// --- Pause

TEST_CASE("a paused queue takes tasks and gives none, a resumed one gives them") {
  const std::string queue = fresh_queue();
  submit(queue);
  const Json held = lease_one(queue);
  const Response paused = api().post("/queues/" + queue + "/pause");
  REQUIRE(paused.status == 200);
  CHECK(paused.json()["paused"] == true);
  CHECK(test::queue(queue)["paused"] == true);
  CHECK(api().post("/queues/" + queue + "/pause").status == 200);
  submit(queue);
  CHECK(lease_up_to(queue, 1).empty());
  CHECK(complete(held)["state"] == "succeeded");
  const Response resumed = api().post("/queues/" + queue + "/resume");
  REQUIRE(resumed.status == 200);
  CHECK(resumed.json()["paused"] == false);
  CHECK(lease_up_to(queue, 1).size() == 1);
}

TEST_CASE("pausing is a setting like any other") {
  const std::string queue = fresh_queue();
  put_queue(queue, {{"max_attempts", 9}});
  CHECK(api().post("/queues/" + queue + "/pause").json()["max_attempts"] == 9);
  CHECK(patch_queue(queue, {{"paused", false}})["paused"] == false);
  CHECK(patch_queue(queue, {{"paused", true}})["paused"] == true);
  CHECK(put_queue(queue)["paused"] == false);
}

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

// --- Dead letters

TEST_CASE("the dead are listed the last to die first, with reason and last error") {
  const std::string queue = fresh_queue();
  std::vector<std::string> ids;
  for (int i = 0; i < 7; ++i) {
    ids.insert(ids.begin(),
               dead_task(queue, {{"payload", i}}, i % 2 == 0 ? "not_retryable" : "max_attempts",
                         "error" + std::to_string(i))["id"]);
    // Two in one millisecond have no order between them.
    const std::int64_t died = millis(task(ids.front())["finished_at"]);
    eventually("the clock ticks", now_millis, [&](std::int64_t now) { return now > died; });
  }
  submit(queue);
  CHECK(dead_ids(queue) == ids);
  for (const std::size_t limit : {1u, 2u, 6u, 7u}) CHECK(dead_ids(queue, limit) == ids);
  const Json listed = api().get("/queues/" + queue + "/dead").json()["tasks"];
  for (std::size_t i = 0; i < 7; ++i) {
    CHECK(listed[i]["state"] == "dead");
    CHECK(listed[i]["dead_reason"] == (i % 2 == 0 ? "not_retryable" : "max_attempts"));
    CHECK(listed[i]["last_error"]["type"] == "error" + std::to_string(6 - i));
    CHECK_FALSE(listed[i].contains("payload"));
  }
}

TEST_CASE("a queue without dead tasks has an empty dead-letter queue") {
  const std::string queue = fresh_queue();
  put_queue(queue);
  CHECK(api().get("/queues/" + queue + "/dead").json() ==
        Json{{"tasks", Json::array()}, {"next_cursor", nullptr}});
  CHECK(redrive(queue, {{"all", true}}).json() == Json{{"redriven", 0}});
  CHECK(discard(queue, {{"all", true}}).json() == Json{{"discarded", 0}});
}

TEST_CASE("all dead tasks are redriven, and ready again with no attempts made") {
  const std::string queue = fresh_queue();
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(dead_task(queue)["id"]);
  CHECK(redrive(queue, {{"all", true}}).json() == Json{{"redriven", 5}});
  eventually(
      "all are ready", [&] { return counts(queue); },
      [](const Json& seen) {
        return seen == Json{{"ready", 5}};
      });
  for (const std::string& id : ids) {
    const Json redriven = task(id);
    CHECK(redriven["attempts"] == 0);
    CHECK(redriven["redrives"] == 1);
    CHECK_FALSE(redriven.contains("dead_reason"));
    CHECK_FALSE(redriven.contains("finished_at"));
  }
  CHECK(dead_ids(queue).empty());
  CHECK(lease_up_to(queue, 10).size() == 5);
}

TEST_CASE("discarded tasks are gone") {
  const std::string queue = fresh_queue();
  const std::string kept = submit(queue, {{"delay_ms", 3'600'000}})["id"];
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(dead_task(queue)["id"]);
  CHECK(discard(queue, {{"ids", {ids[1]}}}).json() == Json{{"discarded", 1}});
  CHECK(is_gone(ids[1]));
  CHECK(counts(queue) == Json{{"dead", 2}, {"scheduled", 1}});
  CHECK(discard(queue, {{"all", true}}).json() == Json{{"discarded", 2}});
  for (const std::string& id : ids) CHECK(is_gone(id));
  CHECK(dead_ids(queue).empty());
  CHECK(counts(queue) == Json{{"scheduled", 1}});
  CHECK(task(kept)["state"] == "scheduled");
}

TEST_CASE("ids choose among the dead of this queue only") {
  const std::string queue = fresh_queue();
  const std::string other = fresh_queue();
  const std::string dead = dead_task(queue)["id"];
  const std::string also_dead = dead_task(queue)["id"];
  const std::string elsewhere = dead_task(other)["id"];
  const std::string ready = submit(queue)["id"];
  CHECK(redrive(queue, {{"ids", {dead, elsewhere, ready, "01900000-0000-7000-8000-000000000000"}}})
            .json() == Json{{"redriven", 1}});
  eventually(
      "the one is ready", [&] { return task(dead)["state"]; },
      [](const Json& state) { return state == "ready"; });
  CHECK(task(also_dead)["state"] == "dead");
  CHECK(task(elsewhere)["state"] == "dead");
  CHECK(discard(other, {{"ids", {also_dead}}}).json() == Json{{"discarded", 0}});
  CHECK(redrive(queue, {{"ids", Json::array()}}).json() == Json{{"redriven", 0}});
}

TEST_CASE("filters choose among the dead, alone and together") {
  for (const bool redriving : {true, false}) {
    CAPTURE(redriving);
    const std::string queue = fresh_queue();
    const std::string a = dead_task(queue, {{"type", "mail"}}, "not_retryable", "bounce")["id"];
    const std::string b = dead_task(queue, {{"type", "mail"}}, "max_attempts", "http_503")["id"];
    const std::string c = dead_task(queue, {{"type", "scan"}}, "max_attempts", "http_503")["id"];
    const std::string d = submit(queue, {{"type", "scan"}, {"ttl_ms", 20}})["id"];
    REQUIRE(api().get("/tasks/" + d + "?wait_ms=30000").json()["dead_reason"] == "expired");
    const auto choose = [&](Json filter) {
      filter["all"] = true;
      const Response response = redriving ? redrive(queue, filter) : discard(queue, filter);
      REQUIRE(response.status == 200);
      return response.json()[redriving ? "redriven" : "discarded"];
    };
    const auto await_left = [&](std::vector<std::string> expected) {
      std::sort(expected.begin(), expected.end());
      eventually(
          "these are left",
          [&] {
            std::vector<std::string> left = dead_ids(queue);
            std::sort(left.begin(), left.end());
            return Json(left);
          },
          [&](const Json& left) { return left == Json(expected); });
    };
    CHECK(choose({{"type", "nobody"}}) == 0);
    CHECK(choose({{"type", "mail"}, {"dead_reason", "expired"}}) == 0);
    CHECK(choose({{"type", "mail"}, {"error_type", "http_503"}}) == 1);
    await_left({a, c, d});
    CHECK(choose({{"dead_reason", "expired"}}) == 1);
    await_left({a, c});
    CHECK(choose({{"error_type", "bounce"}}) == 1);
    await_left({c});
    CHECK(choose({{"dead_reason", "max_attempts"}, {"type", "scan"}, {"error_type", "http_503"}}) ==
          1);
    await_left({});
  }
}

TEST_CASE("ids and filters together choose those that match both") {
  const std::string queue = fresh_queue();
  const std::string mail = dead_task(queue, {{"type", "mail"}})["id"];
  const std::string scan = dead_task(queue, {{"type", "scan"}})["id"];
  CHECK(redrive(queue, {{"ids", {mail, scan}}, {"type", "mail"}}).json() == Json{{"redriven", 1}});
  eventually(
      "the one is ready", [&] { return task(mail)["state"]; },
      [](const Json& state) { return state == "ready"; });
  CHECK(task(scan)["state"] == "dead");
  CHECK(discard(queue, {{"ids", {scan}}, {"error_type", "other"}}).json() ==
        Json{{"discarded", 0}});
  CHECK(discard(queue, {{"ids", {scan, scan}}, {"limit", 5}}).json() == Json{{"discarded", 1}});
  await_gone(scan);
}

TEST_CASE("before and limit choose those that died first") {
  const std::string queue = fresh_queue();
  std::vector<std::string> ids;
  std::vector<Json> deaths;
  for (int i = 0; i < 5; ++i) {
    const Json dead = dead_task(queue);
    ids.push_back(dead["id"]);
    deaths.push_back(dead["finished_at"]);
    const std::int64_t died = millis(dead["finished_at"]);
    eventually("the clock ticks", now_millis, [&](std::int64_t now) { return now > died; });
  }
  const auto await_left = [&](std::size_t first) {
    eventually(
        "the first are chosen", [&] { return Json(dead_ids(queue)); },
        [&](const Json& left) {
          return left == Json(std::vector<std::string>(
                             ids.rbegin(), ids.rend() - static_cast<std::ptrdiff_t>(first)));
        });
  };
  CHECK(redrive(queue, {{"all", true}, {"before", deaths[0]}}).json() == Json{{"redriven", 0}});
  CHECK(redrive(queue, {{"all", true}, {"before", deaths[2]}, {"limit", 1}}).json() ==
        Json{{"redriven", 1}});
  await_left(1);
  CHECK(discard(queue, {{"all", true}, {"before", deaths[2]}}).json() == Json{{"discarded", 1}});
  await_left(2);
  CHECK(redrive(queue, {{"all", true}, {"limit", 2}}).json() == Json{{"redriven", 2}});
  await_left(4);
  CHECK(discard(queue, {{"all", true}, {"limit", 100}}).json() == Json{{"discarded", 1}});
  await_left(5);
}

TEST_CASE("the dead can be redriven into another queue") {
  const std::string queue = fresh_queue();
  const std::string target = fresh_queue();
  put_queue(target);
  const std::string id = dead_task(queue, {{"payload", "p"}})["id"];
  CHECK(redrive(queue, {{"all", true}, {"to_queue", target}}).json() == Json{{"redriven", 1}});
  const Json leased = lease_one(target, {{"wait_ms", 30'000}});
  CHECK(leased["id"] == id);
  CHECK(leased["queue"] == target);
  CHECK(leased["payload"] == "p");
  CHECK(counts(queue) == Json::object());
  CHECK(counts(target) == Json{{"running", 1}});
  CHECK(ids_of(api().get("/tasks?queue=" + target).json()["tasks"]) == std::vector{id});
  CHECK(api().get("/tasks?queue=" + queue).json()["tasks"].empty());
  CHECK(complete(leased)["queue"] == target);
}

TEST_CASE("a queue that the dead are redriven into is created if need be") {
  const std::string queue = fresh_queue();
  const std::string target = fresh_queue();
  const std::string id = dead_task(queue)["id"];
  CHECK(redrive(queue, {{"all", true}, {"to_queue", target}}).json() == Json{{"redriven", 1}});
  CHECK(lease_one(target, {{"wait_ms", 30'000}})["id"] == id);
}

TEST_CASE("with a rate the chosen return over time") {
  const std::string queue = fresh_queue();
  for (int i = 0; i < 4; ++i) dead_task(queue);
  const auto begin = Clock::now();
  CHECK(redrive(queue, {{"all", true}, {"rate_per_second", 4}}).json() == Json{{"redriven", 4}});
  // A whole burst at once would be no rate.
  CHECK(counts(queue).value("ready", 0) < 4);
  std::vector<Json> leased;
  while (leased.size() < 4) leased.push_back(lease_one(queue, {{"wait_ms", 30'000}}));
  // Four at four a second are three intervals, whether or not the first waits.
  CHECK(Clock::now() - begin >= std::chrono::milliseconds(700));
  CHECK(counts(queue) == Json{{"running", 4}});
}

TEST_CASE("redriving may exceed a queue's max_backlog") {
  const std::string queue = fresh_queue();
  for (int i = 0; i < 3; ++i) dead_task(queue);
  patch_queue(queue, {{"max_backlog", 1}});
  CHECK(redrive(queue, {{"all", true}}).json() == Json{{"redriven", 3}});
  eventually(
      "all are ready", [&] { return counts(queue); },
      [](const Json& seen) {
        return seen == Json{{"ready", 3}};
      });
}

TEST_CASE("the bodies of redrive and discard are checked") {
  const std::string queue = fresh_queue();
  const std::string id = dead_task(queue)["id"];
  struct Row {
    Json body;
    const char* pointer;
  };
  for (const Row& row : std::vector<Row>{
           {{{"all", false}}, "/all"},
           {{{"all", "yes"}}, "/all"},
           {{{"ids", id}}, "/ids"},
           {{{"ids", {5}}}, "/ids/0"},
           {{{"all", true}, {"type", "a b"}}, "/type"},
           {{{"all", true}, {"dead_reason", "bored"}}, "/dead_reason"},
           {{{"all", true}, {"error_type", 5}}, "/error_type"},
           {{{"all", true}, {"before", "yesterday"}}, "/before"},
           {{{"all", true}, {"limit", -1}}, "/limit"},
           {{{"all", true}, {"state", "dead"}}, "/state"},
       }) {
    CAPTURE(row.body.dump());
    const std::string refused = std::string("400 invalid_argument ") + row.pointer;
    CHECK(refusal(redrive(queue, row.body)) == refused);
    CHECK(refusal(discard(queue, row.body)) == refused);
  }
  for (const Json& body :
       std::vector<Json>{Json::object(), {{"type", "work"}}, {{"all", true}, {"ids", {id}}}}) {
    CAPTURE(body.dump());
    CHECK(refusal(redrive(queue, body)).starts_with("400 invalid_argument"));
    CHECK(refusal(discard(queue, body)).starts_with("400 invalid_argument"));
  }
  CHECK(refusal(redrive(queue, {{"all", true}, {"to_queue", "a b"}})) ==
        "400 invalid_argument /to_queue");
  CHECK(refusal(redrive(queue, {{"all", true}, {"rate_per_second", 0}})) ==
        "400 invalid_argument /rate_per_second");
  CHECK(refusal(redrive(queue, {{"all", true}, {"rate_per_second", "1"}})) ==
        "400 invalid_argument /rate_per_second");
  CHECK(refusal(discard(queue, {{"all", true}, {"to_queue", "x"}})) ==
        "400 invalid_argument /to_queue");
  CHECK(refusal(discard(queue, {{"all", true}, {"rate_per_second", 1}})) ==
        "400 invalid_argument /rate_per_second");
  CHECK(counts(queue) == Json{{"dead", 1}});
}

TEST_CASE("many dead tasks are redriven while others are served") {
  const std::string queue = fresh_queue();
  const std::string other = fresh_queue();
  submit_batch(std::vector<Json>(3000, Json{{"queue", queue}, {"type", "work"}}));
  for (int i = 0; i < 3; ++i) {
    Json items = Json::array();
    for (const Json& leased : lease_up_to(queue, 1000)) {
      items.push_back({{"op", "fail"},
                       {"id", leased["id"]},
                       {"lease_token", token(leased)},
                       {"retryable", false},
                       {"error", {{"type", "t"}, {"message", "m"}}}});
    }
    REQUIRE(api().post("/leases/settle", {{"settle", items}}).status == 200);
  }
  REQUIRE(counts(queue) == Json{{"dead", 3000}});
  CHECK(redrive(queue, {{"all", true}}).json() == Json{{"redriven", 3000}});
  submit(other);
  CHECK(complete(lease_one(other))["state"] == "succeeded");
  eventually(
      "all are ready", [&] { return counts(queue); },
      [](const Json& seen) {
        return seen == Json{{"ready", 3000}};
      });
  CHECK(lease_up_to(queue, 1000).size() == 1000);
}

// --- Settings bind late

TEST_CASE("a queue's max_attempts applies to the tasks already waiting in it") {
  const std::string queue = fresh_queue();
  const std::string waiting = submit(queue)["id"];
  const std::string own = submit(queue, {{"max_attempts", 4}})["id"];
  CHECK(task(waiting)["max_attempts"] == 5);
  patch_queue(queue, {{"max_attempts", 1}});
  CHECK(task(waiting)["max_attempts"] == 1);
  CHECK(task(own)["max_attempts"] == 4);
  const std::vector<Json> leased = lease_up_to(queue, 2);
  REQUIRE(leased.size() == 2);
  CHECK(fail(leased[0])["dead_reason"] == "max_attempts");
  CHECK(fail(leased[1])["state"] == "retrying");
}

TEST_CASE("a queue's lease_ms and retry apply to the tasks already waiting in it") {
  const std::string queue = fresh_queue();
  submit(queue);
  patch_queue(queue, {{"lease_ms", 500'000},
                      {"retry",
                       {{"strategy", "fixed"},
                        {"base_ms", 7'000'000},
                        {"max_ms", 7'000'000},
                        {"jitter", false}}}});
  const std::int64_t before = now_millis();
  const Json leased = lease_one(queue);
  CHECK(millis(leased["lease"]["expires_at"]) >= before + 500'000 - 5);
  const Json failed = fail(leased);
  CHECK(millis(failed["run_at"]) - millis(failed["failures"][0]["at"]) == 7'000'000);
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
