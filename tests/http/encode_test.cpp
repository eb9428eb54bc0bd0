#include "http/encode.h"

#include <doctest/doctest.h>

#include <string>

using namespace quern;
using namespace quern::http;

namespace {

const std::string id = "0198c0de-0000-7abc-8123-456789abcdef";

struct TaskMaker {
  std::shared_ptr<record::TaskBody> body = std::make_shared<record::TaskBody>();
  engine::TaskView view;

  TaskMaker() {
    body->set_created_at(1'000);
    body->set_type("t");
    body->set_priority(5);
    body->set_payload("{\"big\":1e400}");
    view.id = *TaskId::parse(id);
    view.queue = std::make_shared<const std::string>("q");
    view.body = body;
    view.max_attempts = 5;
    view.status.set_state(static_cast<std::uint32_t>(TaskState::ready));
    view.status.set_run_at(1'000);
  }
  void set(TaskState state) { view.status.set_state(static_cast<std::uint32_t>(state)); }

  std::string json(TaskShape shape) const {
    std::string out;
    JsonWriter writer(out);
    write_task(writer, view, shape);
    return out;
  }
};

std::string settled_json(const engine::Settled& settled) {
  std::string out;
  JsonWriter writer(out);
  write_settled(writer, settled);
  return out;
}

}  // namespace

TEST_CASE("a fresh task shows what it has, and nothing that it has not") {
  const TaskMaker task;
  CHECK(task.json(TaskShape::summary) ==
        R"({"id":")" + id +
            R"(","queue":"q","type":"t","state":"ready","priority":5,"attempts":0,)"
            R"("max_attempts":5,"created_at":"1970-01-01T00:00:01.000Z",)"
            R"("run_at":"1970-01-01T00:00:01.000Z","correlation_id":")" +
            id + R"(","metadata":{},"redrives":0})");
  CHECK(task.json(TaskShape::whole).find(R"("payload":{"big":1e400},"attempts")") !=
        std::string::npos);
}

TEST_CASE("the token is shown to the worker alone") {
  TaskMaker task;
  task.set(TaskState::running);
  task.view.status.set_started_at(2'000);
  record::Lease& lease = *task.view.status.mutable_lease();
  lease.set_token(std::string("\x00\x11\xff", 3));
  lease.set_worker_id("w");
  lease.set_expires_at(3'000);
  lease.set_lease_ms(1'000);
  CHECK(
      task.json(TaskShape::leased)
          .find(
              R"("lease":{"token":"0011ff","worker_id":"w","expires_at":"1970-01-01T00:00:03.000Z","lease_ms":1000})") !=
      std::string::npos);
  CHECK(task.json(TaskShape::whole)
            .find(R"("lease":{"worker_id":"w","expires_at":"1970-01-01T00:00:03.000Z"})") !=
        std::string::npos);
}

TEST_CASE("how long an attempt may take is shown to the worker alone, where it is limited") {
  TaskMaker task;
  task.set(TaskState::running);
  CHECK(task.json(TaskShape::leased).find("timeout_ms") == std::string::npos);
  task.view.timeout = Duration{4'000};
  CHECK(task.json(TaskShape::leased).find(R"("timeout_ms":4000}})") != std::string::npos);
  CHECK(task.json(TaskShape::whole).find("timeout_ms") == std::string::npos);
}

TEST_CASE("a result is shown once the task succeeded, null when none was given") {
  TaskMaker task;
  CHECK(task.json(TaskShape::whole).find("\"result\"") == std::string::npos);
  task.set(TaskState::succeeded);
  CHECK(task.json(TaskShape::whole).find(R"("result":null)") != std::string::npos);
  task.view.status.set_result("[1, 2]");
  CHECK(task.json(TaskShape::whole).find(R"("result":[1, 2])") != std::string::npos);
  CHECK(task.json(TaskShape::summary).find("\"result\"") == std::string::npos);
}

TEST_CASE("failures come oldest first, and the newest error is the last") {
  TaskMaker task;
  task.set(TaskState::dead);
  task.view.status.set_dead_reason(static_cast<std::uint32_t>(DeadReason::max_attempts));
  for (const char* type : {"A", "B"}) {
    record::FailureRecord& failure = task.view.failures.emplace_back();
    failure.set_attempt(static_cast<std::uint32_t>(task.view.failures.size()));
    failure.set_type(type);
    failure.set_details("{ }");
  }
  const std::string json = task.json(TaskShape::whole);
  CHECK(json.find(R"("dead_reason":"max_attempts")") != std::string::npos);
  CHECK(json.find(R"("last_error":{"type":"B","message":"","details":{ }})") != std::string::npos);
  CHECK(json.find(R"("failures":[{"attempt":1,)") != std::string::npos);
}

TEST_CASE("a redrive clears when a task expires") {
  TaskMaker task;
  task.body->set_expires_at(9'000);
  CHECK(task.json(TaskShape::whole).find("\"expires_at\"") != std::string::npos);
  task.view.status.set_redrives(1);
  CHECK(task.json(TaskShape::whole).find("\"expires_at\"") == std::string::npos);
}

TEST_CASE("an item of a settle list shows its state, or its problem") {
  TaskMaker task;
  task.set(TaskState::retrying);
  CHECK(settled_json({.verb = engine::SettleVerb::fail, .id_text = id, .outcome = task.view}) ==
        R"({"id":")" + id + R"(","state":"retrying","run_at":"1970-01-01T00:00:01.000Z"})");
  task.set(TaskState::succeeded);
  CHECK(settled_json({.verb = engine::SettleVerb::complete, .id_text = id, .outcome = task.view}) ==
        R"({"id":")" + id + R"(","state":"succeeded"})");
  task.set(TaskState::running);
  task.view.status.mutable_lease()->set_expires_at(3'000);
  CHECK(
      settled_json({.verb = engine::SettleVerb::heartbeat, .id_text = id, .outcome = task.view}) ==
      R"({"id":")" + id +
          R"(","state":"running","lease":{"expires_at":"1970-01-01T00:00:03.000Z"}})");
  CHECK(settled_json({.verb = engine::SettleVerb::complete,
                      .id_text = "x",
                      .outcome = Error{.code = ErrorCode::lease_lost, .detail = "gone"}}) ==
        R"({"id":"x","problem":{"type":"/problems/lease-lost",)"
        R"("title":"The token no longer holds the task","status":409,"detail":"gone",)"
        R"("code":"lease_lost"}})");
}

TEST_CASE("a queue shows its settings, its counts, and how long its oldest ready task waits") {
  engine::QueueView queue{.name = "q", .settings = {}};
  queue.counts[static_cast<std::size_t>(TaskState::ready)] = 3;
  std::string json;
  JsonWriter writer(json);
  write_queue(writer, queue);
  CHECK(json.starts_with(R"({"name":"q","max_attempts":5,)"));
  CHECK(json.ends_with(R"("counts":{"blocked":0,"scheduled":0,"ready":3,"running":0,"retrying":0,)"
                       R"("dead":0,"succeeded":0,"cancelled":0},"oldest_ready_age_ms":null})"));
}
