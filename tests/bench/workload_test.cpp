#include "workload.h"

#include <doctest/doctest.h>

#include <string>

using namespace quern::bench;

namespace {

std::string request_of(Workload& workload, const Cycle& cycle) {
  std::string request;
  workload.write_request(cycle, request);
  return request;
}

std::string body_of(const std::string& request) {
  return request.substr(request.find("\r\n\r\n") + 4);
}

}  // namespace

TEST_CASE("a submit says how long it is, and its payload has the size asked for") {
  Workload workload({.mode = Mode::submit, .payload_bytes = 200}, "localhost:1");
  Cycle cycle;
  workload.begin(cycle, 1);
  const std::string request = request_of(workload, cycle);
  const std::string body = body_of(request);
  CHECK(request.starts_with("POST /tasks HTTP/1.1\r\nHost: localhost:1\r\n"));
  CHECK(request.find("\r\nContent-Type: application/json\r\n") != std::string::npos);
  CHECK(request.find("\r\nContent-Length: " + std::to_string(body.size()) + "\r\n") !=
        std::string::npos);
  const std::string opening = R"({"queue":"bench","type":"bench","payload":)";
  CHECK(body.starts_with(opening));
  CHECK(body.size() == opening.size() + 200 + 1);
  CHECK(workload.read_answer(cycle, "{}") == Next::done);
}

TEST_CASE("payloads differ from one task to the next") {
  Workload workload({.mode = Mode::submit}, "localhost:1");
  Cycle cycle;
  workload.begin(cycle, 1);
  CHECK(request_of(workload, cycle) != request_of(workload, cycle));
}

TEST_CASE("a life cycle completes what it leased with the token that it was given") {
  Workload workload({.mode = Mode::lifecycle}, "localhost:1");
  Cycle cycle;
  workload.begin(cycle, 1);
  CHECK(cycle.step == Step::submit);
  CHECK(workload.read_answer(cycle, "{}") == Next::step);
  CHECK(cycle.step == Step::lease);
  CHECK(body_of(request_of(workload, cycle)) ==
        R"({"queues":["bench"],"max_tasks":1,"wait_ms":1000,"worker_id":"bench"})");

  SUBCASE("and asks again when nothing came") {
    CHECK(workload.read_answer(cycle, R"({"tasks":[],"settled":[]})") == Next::step);
    CHECK(cycle.step == Step::lease);
  }
  CHECK(workload.read_answer(cycle, R"({"tasks":[{"id":"a","lease":{"token":"t"}}]})") ==
        Next::step);
  CHECK(cycle.step == Step::complete);
  const std::string complete = request_of(workload, cycle);
  CHECK(complete.starts_with("POST /tasks/a/complete HTTP/1.1\r\n"));
  CHECK(body_of(complete) == R"({"lease_token":"t"})");
  CHECK(workload.read_answer(cycle, "{}") == Next::done);
}

TEST_CASE("a life cycle stays in one queue, and the next one takes the next queue") {
  Workload workload({.mode = Mode::lifecycle, .queue = "q", .queues = 2}, "localhost:1");
  Cycle cycle;
  for (const std::string name : {R"("q-0")", R"("q-1")", R"("q-0")"}) {
    CAPTURE(name);
    workload.begin(cycle, 1);
    CHECK(body_of(request_of(workload, cycle)).find(name) != std::string::npos);
    cycle.step = Step::lease;
    CHECK(body_of(request_of(workload, cycle)).find("[" + name + "]") != std::string::npos);
  }
}

TEST_CASE("a drain settles many at once, and ends when all queues were found empty") {
  Workload workload({.mode = Mode::lease, .batch = 10, .queue = "q", .queues = 150}, "localhost:1");
  Cycle cycle;
  workload.begin(cycle, 10);
  CHECK(workload.read_answer(
            cycle,
            R"({"tasks":[{"id":"a","lease":{"token":"1"}},{"id":"b","lease":{"token":"2"}}]})") ==
        Next::step);
  CHECK(cycle.step == Step::settle);
  CHECK(body_of(request_of(workload, cycle)) ==
        R"({"settle":[{"op":"complete","id":"a","lease_token":"1"},)"
        R"({"op":"complete","id":"b","lease_token":"2"}]})");
  SUBCASE("one that was not settled is noticed") {
    CHECK(workload.read_answer(cycle, R"({"settled":[{"id":"a","problem":{}}]})") ==
          Next::confused);
  }
  CHECK(workload.read_answer(cycle, R"({"settled":[]})") == Next::done);

  workload.begin(cycle, 10);
  CHECK(workload.read_answer(cycle, R"({"tasks":[]})") == Next::step);
  CHECK(cycle.step == Step::lease);
  CHECK(workload.read_answer(cycle, R"({"tasks":[]})") == Next::exhausted);
}

TEST_CASE("more tasks than were asked for are not understood") {
  Workload workload({.mode = Mode::lease}, "localhost:1");
  Cycle cycle;
  workload.begin(cycle, 1);
  CHECK(workload.read_answer(
            cycle,
            R"({"tasks":[{"id":"a","lease":{"token":"1"}},{"id":"b","lease":{"token":"2"}}]})") ==
        Next::confused);
}

TEST_CASE("a submit to another server has the payload of one to Quern") {
  Workload workload({.mode = Mode::submit, .wire = Wire::redis, .payload_bytes = 200},
                    "localhost:1");
  Cycle cycle;
  workload.begin(cycle, 1);
  const std::string request = request_of(workload, cycle);
  const std::string opening = "*3\r\n$5\r\nLPUSH\r\n$5\r\nbench\r\n$200\r\n\"";
  CHECK(request.starts_with(opening));
  CHECK(request.size() == opening.size() - 1 + 200 + 2);
  CHECK(workload.read_answer(cycle, ":1\r\n") == Next::done);
}

TEST_CASE("tasks for later say when, and say nothing otherwise") {
  Workload workload({.mode = Mode::submit, .run_at = "2026-01-01T00:00:00Z"}, "localhost:1");
  Cycle cycle;
  workload.begin(cycle, 1);
  CHECK(body_of(request_of(workload, cycle)).find(R"("run_at":"2026-01-01T00:00:00Z",)") !=
        std::string::npos);
}

TEST_CASE("a drain that fails its tasks sends them to the dead letters") {
  Workload workload({.mode = Mode::lease, .batch = 2, .fails = true}, "localhost:1");
  Cycle cycle;
  workload.begin(cycle, 2);
  CHECK(workload.read_answer(cycle, R"({"tasks":[{"id":"a","lease":{"token":"1"}}]})") ==
        Next::step);
  const std::string body = body_of(request_of(workload, cycle));
  CHECK(body.find(R"("op":"fail")") != std::string::npos);
  CHECK(body.find(R"("retryable":false)") != std::string::npos);
  CHECK(body.find("complete") == std::string::npos);
}

TEST_CASE("a delivered task tells its worker when it was due, in a payload of the size asked for") {
  Workload workload({.mode = Mode::deliver, .payload_bytes = 30}, "localhost:1");
  Cycle producer;
  producer.due_ns = 1234567890123456789;
  workload.begin(producer, 1);
  const std::string body = body_of(request_of(workload, producer));
  const std::string payload = body.substr(body.find(R"("payload":)") + 10);
  CHECK(payload.size() == 30 + 1);
  CHECK(payload.starts_with("\"01234567890123456789"));
  CHECK(workload.read_answer(producer, "{}") == Next::done);

  Cycle worker;
  workload.begin_work(worker);
  CHECK(body_of(request_of(workload, worker)) ==
        R"({"queues":["bench"],"max_tasks":1,"wait_ms":1000,"worker_id":"bench"})");
  SUBCASE("which may find nothing") {
    CHECK(workload.read_answer(worker, R"({"tasks":[]})") == Next::done);
    CHECK_FALSE(worker.delivered_due_ns);
  }
  SUBCASE("which completes it") {
    CHECK(workload.read_answer(worker, R"({"tasks":[{"id":"a","payload":"01234567890123456789x",)"
                                       R"("lease":{"token":"1"}}]})") == Next::step);
    CHECK(worker.delivered_due_ns == 1234567890123456789);
    CHECK(worker.step == Step::complete);
  }
  SUBCASE("and another's task is not understood") {
    CHECK(workload.read_answer(worker,
                               R"({"tasks":[{"id":"a","payload":null,"lease":{"token":"1"}}]})") ==
          Next::confused);
  }
}
