// Submitting: every field, its default and its range; batches; correlation. Section 3.
#include <algorithm>
#include <string>
#include <vector>

#include "steps.h"

namespace quern::test {
namespace {

TEST_CASE("a submitted task is 202 with its Location and the task without payload") {
  const std::string queue = fresh_queue();
  const Response response =
      post_task({{"queue", queue}, {"type", "work"}, {"payload", {{"n", 1}}}});
  REQUIRE(response.status == 202);
  const Json submitted = response.json();
  const std::string id = submitted["id"];
  CHECK(is_uuid7(id));
  CHECK(response.header("Location") == "/tasks/" + id);
  CHECK_FALSE(response.header("Idempotency-Replayed").has_value());
  CHECK_FALSE(submitted.contains("payload"));
  CHECK_FALSE(submitted.contains("result"));

  Json shown = task(id);
  CHECK(shown["payload"] == Json{{"n", 1}});
  shown.erase("payload");
  CHECK(shown == submitted);
}

TEST_CASE("what is left out has its default") {
  const Response response = post_task({{"type", "work"}});
  REQUIRE(response.status == 202);
  const Json submitted = response.json();
  CHECK(submitted["queue"] == "default");
  CHECK(submitted["type"] == "work");
  CHECK(submitted["state"] == "ready");
  CHECK(submitted["priority"] == 5);
  CHECK(submitted["attempts"] == 0);
  CHECK(submitted["max_attempts"] == 5);
  CHECK(submitted["metadata"] == Json::object());
  CHECK(submitted["correlation_id"] == submitted["id"]);
  CHECK(submitted["run_at"] == submitted["created_at"]);
  for (const char* absent : {"started_at", "finished_at", "expires_at", "idempotency_key",
                             "progress", "dead_reason", "last_error", "lease"}) {
    CAPTURE(absent);
    CHECK_FALSE(submitted.contains(absent));
  }
}

TEST_CASE("every field is kept as it was given") {
  const std::string queue = fresh_queue();
  const std::int64_t run_at = now_millis() + 3'600'000;
  const Json fields = {{"queue", queue},
                       {"type", "send.mail"},
                       {"payload", {{"to", "ada"}}},
                       {"priority", 9},
                       {"run_at", as_time(run_at)},
                       {"expires_at", as_time(run_at + 60'000)},
                       {"max_attempts", 7},
                       {"retry", {{"strategy", "fixed"}, {"base_ms", 10}}},
                       {"lease_ms", 5000},
                       {"timeout_ms", 10'000},
                       {"idempotency_key", "order 17 / ~"},
                       {"correlation_id", "business op"},
                       {"metadata", {{"tenant", "caf\xc3\xa9"}, {"", "x"}}}};
  const Response response = post_task(fields);
  REQUIRE(response.status == 202);
  const Json shown = task(response.json()["id"]);
  for (const char* name : {"queue", "type", "payload", "priority", "run_at", "expires_at",
                           "max_attempts", "idempotency_key", "correlation_id", "metadata"}) {
    CAPTURE(name);
    CHECK(shown[name] == fields[name]);
  }
  CHECK(shown["state"] == "scheduled");
}

TEST_CASE("a value out of range is refused, never clamped") {
  const std::int64_t eleven_years = std::int64_t{11} * 365 * 86'400'000;
  struct Row {
    const char* field;
    Json value;
    const char* pointer;
  };
  const std::vector<Row> rows = {
      {"priority", -1, "/priority"},
      {"priority", 10, "/priority"},
      {"priority", 5.5, "/priority"},
      {"priority", "5", "/priority"},
      {"priority", true, "/priority"},
      {"delay_ms", -1, "/delay_ms"},
      {"delay_ms", eleven_years, "/delay_ms"},
      {"delay_ms", 1e300, "/delay_ms"},
      {"run_at", "tomorrow", "/run_at"},
      {"run_at", "2026-13-01T00:00:00.000Z", "/run_at"},
      {"run_at", "2026-02-30T00:00:00.000Z", "/run_at"},
      {"run_at", "2026-11-23", "/run_at"},
      {"run_at", 1, "/run_at"},
      {"ttl_ms", -1, "/ttl_ms"},
      {"ttl_ms", 0, "/ttl_ms"},
      {"ttl_ms", eleven_years, "/ttl_ms"},
      {"expires_at", "never", "/expires_at"},
      {"max_attempts", 0, "/max_attempts"},
      {"max_attempts", 101, "/max_attempts"},
      {"lease_ms", 999, "/lease_ms"},
      {"lease_ms", 43'200'001, "/lease_ms"},
      {"timeout_ms", -1, "/timeout_ms"},
      {"timeout_ms", 0, "/timeout_ms"},
      {"timeout_ms", eleven_years, "/timeout_ms"},
      {"idempotency_key", "", "/idempotency_key"},
      {"idempotency_key", std::string(256, 'k'), "/idempotency_key"},
      {"idempotency_key", "caf\xc3\xa9", "/idempotency_key"},
      {"idempotency_key", "tab\t", "/idempotency_key"},
      {"correlation_id", "", "/correlation_id"},
      {"correlation_id", std::string(129, 'c'), "/correlation_id"},
      {"correlation_id", "line\n", "/correlation_id"},
      {"metadata", "x", "/metadata"},
      {"metadata", {{"n", 1}}, "/metadata/n"},
      {"metadata", {{"a/b", nullptr}}, "/metadata/a~1b"},
      {"retry", {{"strategy", "random"}}, "/retry/strategy"},
      {"retry", {{"base_ms", -1}}, "/retry/base_ms"},
      {"retry", {{"max_ms", "1"}}, "/retry/max_ms"},
      {"retry", {{"factor", "2"}}, "/retry/factor"},
      {"retry", {{"factor", -1}}, "/retry/factor"},
      {"retry", {{"jitter", 1}}, "/retry/jitter"},
      {"retry", {{"limit", 3}}, "/retry/limit"},
  };
  const std::string queue = fresh_queue();
  for (const Row& row : rows) {
    CAPTURE(std::string(row.field));
    CAPTURE(row.value.dump());
    Json body = {{"queue", queue}, {"type", "work"}};
    body[row.field] = row.value;
    CHECK(refusal(post_task(body)) == std::string("400 invalid_argument ") + row.pointer);
    // The same inside a batch, where the pointer says which task.
    const Json batch = {{"tasks", {{{"queue", queue}, {"type", "work"}}, body}}};
    CHECK(refusal(api().post("/tasks/batch", batch)) ==
          std::string("400 invalid_argument /tasks/1") + row.pointer);
  }
  CHECK(refusal(api().get("/queues/" + queue)) == "404 queue_not_found");
}

TEST_CASE("metadata over 4 KiB is refused") {
  const std::string queue = fresh_queue();
  for (const Json& metadata :
       std::vector<Json>{{{"big", std::string(4097, 'm')}},
                         {{std::string(4097, 'k'), "v"}},
                         {{"a", std::string(2100, 'm')}, {"b", std::string(2100, 'm')}}}) {
    CHECK(refusal(post_task({{"queue", queue}, {"type", "work"}, {"metadata", metadata}}))
              .starts_with("400 invalid_argument /metadata"));
  }
  CHECK(refusal(api().get("/queues/" + queue)) == "404 queue_not_found");
}

TEST_CASE("the ends of every range are accepted") {
  const std::int64_t ten_years = std::int64_t{10} * 365 * 86'400'000;
  const std::string queue = fresh_queue();
  for (const Json& fields : std::vector<Json>{
           {{"priority", 0}},
           {{"priority", 9}},
           {{"delay_ms", 0}},
           {{"delay_ms", ten_years}},
           {{"ttl_ms", ten_years}},
           {{"max_attempts", 1}},
           {{"max_attempts", 100}},
           {{"lease_ms", 1000}},
           {{"lease_ms", 43'200'000}},
           {{"timeout_ms", ten_years}},
           {{"retry", {{"base_ms", 0}}}},
           {{"retry", {{"base_ms", ten_years}, {"max_ms", ten_years}}}},
           {{"retry", Json::object()}},
           {{"idempotency_key", std::string(255, '~')}},
           {{"idempotency_key", " "}},
           {{"correlation_id", std::string(128, '!')}},
           {{"metadata", {{"k", std::string(4000, 'm')}}}},
           {{"payload", nullptr}},
           {{"run_at", "2030-01-01T00:00:00Z"}},
           {{"run_at", "2030-01-01T01:30:00.5+01:30"}},
       }) {
    CAPTURE(fields.dump());
    const Json submitted = submit(queue, fields);
    for (const char* name :
         {"priority", "max_attempts", "idempotency_key", "correlation_id", "metadata"}) {
      if (fields.contains(name)) CHECK(submitted[name] == fields[name]);
    }
  }
  CHECK(submit(queue, {{"run_at", "2030-01-01T01:30:00.5+01:30"}})["run_at"] ==
        "2030-01-01T00:00:00.500Z");
}

TEST_CASE("delay_ms and run_at exclude each other, and so do ttl_ms and expires_at") {
  const std::string later = as_time(now_millis() + 60'000);
  CHECK(post_task({{"type", "work"}, {"delay_ms", 5}, {"run_at", later}}).status == 400);
  CHECK(refusal(post_task({{"type", "work"}, {"delay_ms", 5}, {"run_at", later}}))
            .starts_with("400 invalid_argument /"));
  CHECK(refusal(post_task({{"type", "work"}, {"ttl_ms", 5}, {"expires_at", later}}))
            .starts_with("400 invalid_argument /"));
}

TEST_CASE("a delayed task is scheduled, and leased only once its time has come") {
  const std::string queue = fresh_queue();
  const Json submitted = submit(queue, {{"delay_ms", 300}});
  CHECK(submitted["state"] == "scheduled");
  CHECK(millis(submitted["run_at"]) == millis(submitted["created_at"]) + 300);
  CHECK(counts(queue) == Json{{"scheduled", 1}});
  CHECK(lease_up_to(queue, 10).empty());
  const Json leased = lease_one(queue, {{"wait_ms", 30'000}});
  CHECK(leased["id"] == submitted["id"]);
  CHECK(millis(leased["started_at"]) >= millis(submitted["run_at"]));
}

TEST_CASE("a run_at that has passed means now") {
  const std::string queue = fresh_queue();
  const Json submitted = submit(queue, {{"run_at", "2020-01-01T00:00:00.000Z"}});
  CHECK(submitted["state"] == "ready");
  CHECK(lease_one(queue)["id"] == submitted["id"]);
}

TEST_CASE("a task that was not leased in time dies as expired") {
  const std::string queue = fresh_queue();
  put_queue(queue, {{"ttl_ms", 100}});
  const std::string by_queue = submit(queue)["id"];
  const std::string by_ttl = submit(queue, {{"ttl_ms", 150}})["id"];
  const Json by_time = submit(queue, {{"expires_at", as_time(now_millis() + 500)}});
  const Json survivor = submit(queue, {{"ttl_ms", 3'600'000}});
  CHECK(millis(by_time["expires_at"]) > millis(by_time["created_at"]));
  for (const std::string& id : {by_queue, by_ttl, by_time["id"].get<std::string>()}) {
    const Json dead = api().get("/tasks/" + id + "?wait_ms=30000").json();
    CHECK(dead["state"] == "dead");
    CHECK(dead["dead_reason"] == "expired");
    CHECK(dead["attempts"] == 0);
    CHECK(millis(dead["finished_at"]) >= millis(dead["expires_at"]));
    CHECK_FALSE(dead.contains("started_at"));
  }
  CHECK(counts(queue) == Json{{"dead", 3}, {"ready", 1}});
  CHECK(lease_one(queue)["id"] == survivor["id"]);
}

TEST_CASE("a delayed task may expire before its time comes") {
  const std::string queue = fresh_queue();
  const std::string id = submit(queue, {{"delay_ms", 3'600'000}, {"ttl_ms", 50}})["id"];
  CHECK(api().get("/tasks/" + id + "?wait_ms=30000").json()["dead_reason"] == "expired");
}

TEST_CASE("a task that was leased once no longer expires") {
  const std::string queue = fresh_queue();
  const std::string kept = submit(queue, {{"ttl_ms", 1000}})["id"];
  const std::string running = submit(queue, {{"ttl_ms", 1000}})["id"];
  const std::vector<Json> leased = lease_up_to(queue, 2);
  REQUIRE(leased.size() == 2);
  release(leased[0]);
  // The next to be submitted expires after the two would have.
  const std::string witness = submit(queue, {{"ttl_ms", 1000}, {"priority", 0}})["id"];
  CHECK(api().get("/tasks/" + witness + "?wait_ms=30000").json()["dead_reason"] == "expired");
  CHECK(task(kept)["state"] == "ready");
  CHECK(task(running)["state"] == "running");
}

TEST_CASE("a batch is answered in order") {
  const std::string one = fresh_queue();
  const std::string two = fresh_queue();
  std::vector<Json> tasks;
  for (int i = 0; i < 20; ++i) {
    tasks.push_back(
        {{"queue", i % 2 == 0 ? one : two}, {"type", "t" + std::to_string(i)}, {"payload", i}});
  }
  const std::vector<Json> submitted = submit_batch(tasks);
  REQUIRE(submitted.size() == tasks.size());
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    CHECK(submitted[i]["type"] == tasks[i]["type"]);
    CHECK(submitted[i]["queue"] == tasks[i]["queue"]);
    CHECK_FALSE(submitted[i].contains("payload"));
    CHECK(task(submitted[i]["id"])["payload"] == tasks[i]["payload"]);
  }
  CHECK(counts(one) == Json{{"ready", 10}});
}

TEST_CASE("a batch with one invalid task stores nothing") {
  const std::string queue = fresh_queue();
  put_queue(queue);
  std::vector<Json> tasks(5, Json{{"queue", queue}, {"type", "work"}});
  tasks[3]["priority"] = 10;
  CHECK(refusal(api().post("/tasks/batch", {{"tasks", tasks}})) ==
        "400 invalid_argument /tasks/3/priority");
  tasks[3] = {{"queue", queue}};
  CHECK(refusal(api().post("/tasks/batch", {{"tasks", tasks}})) ==
        "400 invalid_argument /tasks/3/type");
  CHECK(counts(queue) == Json::object());
}

TEST_CASE("a batch may hold 10,000 tasks, and one more is 400") {
  const std::string queue = fresh_queue();
  std::vector<Json> tasks(10'001, Json{{"queue", queue}, {"type", "work"}});
  CHECK(refusal(api().post("/tasks/batch", {{"tasks", tasks}})) == "400 invalid_argument /tasks");
  tasks.pop_back();
  CHECK(submit_batch(tasks).size() == 10'000);
  CHECK(counts(queue) == Json{{"ready", 10'000}});
}

// --- Correlation and metadata

TEST_CASE("a correlation id may come as a field or a header, which must agree") {
  const std::string queue = fresh_queue();
  const Json body = {{"queue", queue}, {"type", "work"}};
  CHECK(post_task(body, {{"X-Correlation-ID", "op 1"}}).json()["correlation_id"] == "op 1");
  Json with_field = body;
  with_field["correlation_id"] = "op 1";
  CHECK(post_task(with_field, {{"X-Correlation-ID", "op 1"}}).status == 202);
  CHECK(refusal(post_task(with_field, {{"X-Correlation-ID", "op 2"}}))
            .starts_with("400 invalid_argument"));
  CHECK(refusal(post_task(body, {{"X-Correlation-ID", std::string(129, 'c')}}))
            .starts_with("400 invalid_argument"));
}

TEST_CASE("a batch's X-Correlation-ID is the default for tasks that name none") {
  const std::string queue = fresh_queue();
  const Json plain = {{"queue", queue}, {"type", "work"}};
  const Json own = {{"queue", queue}, {"type", "work"}, {"correlation_id", "own"}};
  const Json answer =
      api()
          .post("/tasks/batch", {{"tasks", {plain, own}}}, {{"X-Correlation-ID", "shared"}})
          .json();
  CHECK(answer["tasks"][0]["correlation_id"] == "shared");
  CHECK(answer["tasks"][1]["correlation_id"] == "own");
}

TEST_CASE("traceparent and tracestate are kept in the metadata, over what is there") {
  const std::string queue = fresh_queue();
  const std::string parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const Json body = {
      {"queue", queue}, {"type", "work"}, {"metadata", {{"traceparent", "old"}, {"tenant", "a"}}}};
  const Json submitted =
      post_task(body, {{"traceparent", parent}, {"tracestate", "vendor=1"}}).json();
  CHECK(submitted["metadata"] ==
        Json{{"traceparent", parent}, {"tracestate", "vendor=1"}, {"tenant", "a"}});
  CHECK(task(submitted["id"])["metadata"] == submitted["metadata"]);
  CHECK(lease_one(queue)["metadata"] == submitted["metadata"]);
  const Json batch = {{"tasks", {{{"queue", queue}, {"type", "work"}}}}};
  CHECK(
      api().post("/tasks/batch", batch, {{"traceparent", parent}}).json()["tasks"][0]["metadata"] ==
      Json{{"traceparent", parent}});
}

}  // namespace
}  // namespace quern::test
