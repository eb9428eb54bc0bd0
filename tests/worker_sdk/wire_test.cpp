#include <doctest/doctest.h>

#include "quern/quern.h"
#include "wire/lease_json.h"
#include "wire/queue_json.h"
#include "wire/task_json.h"

using namespace quern;
using namespace std::chrono_literals;

TEST_CASE("a task reads back as it was written, byte for byte where it is opaque") {
  const std::string text =
      R"({"id":"i","queue":"q","type":"t","state":"dead","priority":7,"payload":{"a": 1e400, "a":"\ud800"},)"
      R"("result":[ 1 ],"attempts":5,"max_attempts":6,"created_at":"2026-11-23T09:10:00.123Z",)"
      R"("run_at":"2026-11-23T09:10:01.000Z","started_at":"2026-11-23T09:10:02.000Z",)"
      R"("finished_at":"2026-11-23T09:10:03.000Z","expires_at":"2026-11-23T09:10:04.000Z",)"
      R"("correlation_id":"c","idempotency_key":"k","metadata":{"x":"y"},"progress":{"p":1},)"
      R"("dead_reason":"max_attempts","redrives":2,)"
      R"("last_error":{"type":"E","message":"m\n","details":{"d":1}},)"
      R"("failures":[{"attempt":5,"at":"2026-11-23T09:10:03.000Z","worker_id":"w",)"
      R"("error":{"type":"E","message":"m"}}],)"
      R"("lease":{"token":"s","worker_id":"w","expires_at":"2026-11-23T09:10:05.000Z"}})";
  JsonReader json(text, sdk::answer_depth_max);
  Task task;
  REQUIRE(sdk::read_task(json, task));
  CHECK(json.finish());
  CHECK(to_json(task) == text);
  CHECK(task.state == TaskState::dead);
  CHECK(task.dead_reason == DeadReason::max_attempts);
  CHECK(task.last_error->message == "m\n");
}

TEST_CASE("what we do not understand in a task is skipped") {
  JsonReader json(R"({"id": "i", "queue": "q", "state": "dead", "attempts": "many", "lease": 5,
                      "failures": {"a": [1, 2]}, "metadata": {"n": 1}, "new": [[{}]], "type": "t"})");
  Task task;
  REQUIRE(sdk::read_task(json, task));
  CHECK(json.finish());
  CHECK(task.type == "t");
}

TEST_CASE("an object that does not say what task it is and where it stands is no task") {
  for (const char* text : {R"({"id": "i"})", R"({"queue": "q", "type": "t", "state": "ready"})",
                           R"({"id": "i", "type": "t", "state": "ready"})",
                           R"({"id": "i", "queue": "q", "state": "ready"})",
                           R"({"id": "i", "queue": "q", "type": "t"})",
                           R"({"id": "i", "queue": "q", "type": "t", "state": "pondering"})",
                           R"({"id": "i", "queue": "q", "type": "t", "state": 3})", R"(["id"])"}) {
    CAPTURE(text);
    JsonReader json(text, sdk::answer_depth_max);
    Task task;
    CHECK_FALSE(sdk::read_task(json, task));
  }
}

TEST_CASE("an answer without tasks or settlements is none to a lease or a settle") {
  for (const char* text : {"{}", R"({"tasks": {}})", R"({"settled": [{}]})", R"({"tasks": [{}]})",
                           R"({"settled": [{"id": "a"}]})", "[]",
                           R"({"settled": [{"id": "a", "state": "pondering"}]})"}) {
    CAPTURE(text);
    JsonReader json(text, sdk::answer_depth_max);
    LeaseAnswer answer;
    CHECK_FALSE(sdk::read_lease_answer(json, answer));
  }
  JsonReader json(R"({"settled": []})");
  LeaseAnswer answer;
  CHECK(sdk::read_lease_answer(json, answer));
}

TEST_CASE("a new task says only what was set") {
  std::string text;
  JsonWriter json(text);
  REQUIRE(sdk::write_new_task(json, {.type = "t"}));
  CHECK(text == R"({"queue":"default","type":"t","payload":null})");

  text.clear();
  JsonWriter whole(text);
  NewTask task{.queue = "q", .type = "t", .payload = " [1] "};
  task.priority = 0;
  task.delay = 5s;
  task.retry = RetryOverride{.strategy = RetryStrategy::fixed, .base = 1s};
  task.idempotency_key = "k\"";
  task.metadata = {{"a", "b"}};
  REQUIRE(sdk::write_new_task(whole, task));
  CHECK(
      text ==
      R"({"queue":"q","type":"t","payload": [1] ,"priority":0,"delay_ms":5000,)"
      R"("retry":{"strategy":"fixed","base_ms":1000},"idempotency_key":"k\"","metadata":{"a":"b"}})");
}

TEST_CASE("each settlement says what belongs to its op") {
  struct Row {
    Settlement item;
    std::string expected;
  };
  Settlement complete{.op = SettleOp::complete, .id = "i", .lease_token = "s", .result = "[1]"};
  Settlement nothing{.op = SettleOp::complete, .id = "i", .lease_token = "s"};
  Settlement fail{.op = SettleOp::fail, .id = "i", .lease_token = "s"};
  fail.error = {.type = "E", .message = "m", .details = "{}"};
  fail.retryable = false;
  fail.retry_after = 3s;
  Settlement beat{.op = SettleOp::heartbeat, .id = "i", .lease_token = "s"};
  beat.lease = 9s;
  beat.progress = "0.5";
  Settlement release{.op = SettleOp::release, .id = "i", .lease_token = "s"};
  release.delay = 1s;
  for (
      const Row& row : {
          Row{complete, R"({"lease_token":"s","result":[1]})"},
          Row{nothing, R"({"lease_token":"s","result":null})"},
          Row{fail,
              R"({"lease_token":"s","error":{"type":"E","message":"m","details":{}},"retryable":false,"retry_after_ms":3000})"},
          Row{beat, R"({"lease_token":"s","lease_ms":9000,"progress":0.5})"},
          Row{release, R"({"lease_token":"s","delay_ms":1000})"},
      }) {
    std::string text;
    JsonWriter json(text);
    REQUIRE(sdk::write_settlement_body(json, row.item));
    CHECK(text == row.expected);
  }
}

TEST_CASE("error text from anywhere is made fit to be sent") {
  const TaskError error = sdk::tidied({.type = std::string(300, 'x'), .message = "Gr\xfc\xdf"});
  CHECK(error.type.size() == 255);
  CHECK(error.message == "Gr??");
  CHECK(sdk::tidied({.message = "Grüß"}).message == "Grüß");
  const TaskError cut = sdk::tidied({.message = std::string(64 * 1024 - 1, 'x') + "ü"});
  CHECK(cut.message == std::string(64 * 1024 - 1, 'x'));
}

TEST_CASE("a settle's answer holds a state or a problem for each item") {
  JsonReader json(R"({"tasks": [], "settled": [{"id": "a", "state": "succeeded"},
      {"id": "b", "problem": {"type": "/problems/lease-lost", "status": 409, "code": "lease_lost",
                              "detail": "gone"}},
      {"id": "c", "state": "running", "lease": {"expires_at": "2026-11-23T09:10:00.123Z"}}]})");
  LeaseAnswer answer;
  REQUIRE(sdk::read_lease_answer(json, answer));
  REQUIRE(answer.settled.size() == 3);
  CHECK(answer.settled[0].state == TaskState::succeeded);
  CHECK(answer.settled[1].problem->code == ErrorCode::lease_lost);
  CHECK(answer.settled[2].lease_expires_at == parse_rfc3339("2026-11-23T09:10:00.123Z"));
}

TEST_CASE("a queue reads back as it was written, and unknown settings are skipped") {
  Queue queue{.name = "q"};
  queue.settings.max_attempts = 9;
  queue.settings.ttl = 1h;
  queue.settings.retry.strategy = RetryStrategy::linear;
  queue.settings.paused = true;
  queue.counts.ready = 3;
  queue.counts.dead = 1;
  queue.oldest_ready_age = 1500ms;
  std::string text = to_json(queue);
  text.insert(1, R"("rate_limit": {"per_second": 5}, )");
  JsonReader json(text);
  Queue again;
  REQUIRE(sdk::read_queue(json, again));
  CHECK(again.settings == queue.settings);
  CHECK(again.counts.ready == 3);
  CHECK(again.counts.unfinished() == 3);
  CHECK(to_json(again) == to_json(queue));
}
