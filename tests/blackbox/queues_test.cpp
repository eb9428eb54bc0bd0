// Queues: settings, counts, pause. Section 6.
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

}  // namespace
}  // namespace quern::test
