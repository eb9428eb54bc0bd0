// What Worker makes of its handlers.
#include <doctest/doctest.h>

#include <barrier>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "quern/quern.h"
#include "worker_on_fake.h"

using namespace quern;
using namespace quern::test;
using namespace std::chrono_literals;

TEST_CASE("what a handler returns or throws decides how its task is reported") {
  FakeQuern quern;
  RunningWorker running(quern, {.concurrency = 4});
  running.worker.handle("result", [](Context& context) { return context.payload(); })
      .handle("nothing", [](Context&) {})
      .handle("permanent", [](Context&) { throw Permanent("no such user", "UnknownUser"); })
      .handle("retry", [](Context&) { throw Retry(7s, "rate limit"); })
      .handle("backoff", [](Context&) { throw Retry("no route", "Unreachable"); })
      .handle("error", [](Context&) { throw std::out_of_range("index 5"); })
      .handle("odd", [](Context&) { throw 42; })
      .handle("invalid", [](Context&) { return std::string("{not json"); });
  running.start();

  CHECK(quern.outcome(quern.add("result", "{\"a\": 1}"))["result"] == nlohmann::json{{"a", 1}});
  const auto nothing = quern.outcome(quern.add("nothing"));
  CHECK(nothing["op"] == "complete");
  CHECK(nothing["result"].is_null());

  const auto permanent = quern.outcome(quern.add("permanent"));
  CHECK(permanent["op"] == "fail");
  CHECK(permanent["retryable"] == false);
  CHECK(permanent["error"]["type"] == "UnknownUser");
  CHECK(permanent["error"]["message"] == "no such user");

  const auto retry = quern.outcome(quern.add("retry"));
  CHECK(retry["retryable"] == true);
  CHECK(retry["retry_after_ms"] == 7000);

  const auto backoff = quern.outcome(quern.add("backoff"));
  CHECK(backoff["retryable"] == true);
  CHECK(backoff["error"]["type"] == "Unreachable");
  CHECK(backoff["error"]["message"] == "no route");
  CHECK_FALSE(backoff.contains("retry_after_ms"));  // the queue's own

  const auto error = quern.outcome(quern.add("error"));
  CHECK(error["retryable"] == true);
  CHECK(error["error"]["type"] == "std::out_of_range");
  CHECK_FALSE(error.contains("retry_after_ms"));
  CHECK(quern.outcome(quern.add("odd"))["error"]["type"] == "unknown");

  const auto invalid = quern.outcome(quern.add("invalid"));
  CHECK(invalid["retryable"] == false);
  CHECK(invalid["error"]["type"] == "InvalidResult");
}

TEST_CASE("a type without handler fails so that another worker can have it") {
  FakeQuern quern;
  RunningWorker running(quern);
  running.start();
  const auto outcome = quern.outcome(quern.add("unheard-of"));
  CHECK(outcome["op"] == "fail");
  CHECK(outcome["retryable"] == true);
  CHECK(outcome["error"]["type"] == "NoHandler");
}

TEST_CASE("a handler for any type runs what has none of its own") {
  FakeQuern quern;
  RunningWorker running(quern);
  running.worker.handle("a", [](Context&) { return std::string("1"); })
      .handle_any([](Context& context) { return '"' + context.task().type + '"'; });
  running.start();
  CHECK(quern.outcome(quern.add("a"))["result"] == 1);
  CHECK(quern.outcome(quern.add("b"))["result"] == "b");
}

TEST_CASE("as many handlers run at once as there are slots, time after time") {
  constexpr int concurrency = 16;
  FakeQuern quern;
  RunningWorker running(quern, {.concurrency = concurrency});
  std::barrier all(concurrency);  // none gets further until all are there
  running.worker.handle("meet", [&](Context&) { all.arrive_and_wait(); });
  running.start();
  for (int round = 0; round < 3; ++round) {
    std::vector<std::string> ids;
    for (int i = 0; i < concurrency; ++i) ids.push_back(quern.add("meet"));
    for (const std::string& id : ids) CHECK(quern.outcome(id)["op"] == "complete");
  }
}

TEST_CASE("follow-up tasks inherit the correlation id, and each attempt names them the same") {
  FakeQuern quern;
  RunningWorker running(quern);
  std::vector<NewTask> follow_ups = {{.type = "next", .payload = "1"},
                                     {.type = "next", .payload = "1"},
                                     {.type = "next", .payload = "2"}};
  running.worker.handle("work", [&](Context& context) {
    for (const NewTask& task : follow_ups) context.submit(task);
  });
  running.start();
  quern.outcome(quern.add("work"));
  std::vector<std::string> keys;
  for (const FakeRequest& request : quern.server().requests()) {
    if (request.target != "/tasks") continue;
    const auto body = nlohmann::json::parse(request.body);
    CHECK(body["correlation_id"] == "operation");
    keys.push_back(body["idempotency_key"]);
  }
  REQUIRE(keys.size() == 3);
  CHECK(keys[0].starts_with("task-1:"));
  CHECK(keys[0] != keys[1]);
  CHECK(keys[1] != keys[2]);
  CHECK(keys[0].substr(0, keys[0].rfind(':')) == keys[1].substr(0, keys[1].rfind(':')));
}

TEST_CASE("a follow-up whose submit failed is the same one when it is said again") {
  FakeQuern quern;
  RunningWorker running(quern);
  running.worker.handle("work", [&](Context& context) {
    const NewTask follow_up{.type = "next"};
    quern.refuse(problem(401, "unauthorized"));
    CHECK_THROWS_AS(context.submit_batch({follow_up, follow_up}), ApiError);
    quern.clear_refusal();
    context.submit_batch({follow_up, follow_up});
    quern.refuse(problem(401, "unauthorized"));
    CHECK_THROWS_AS(context.submit(follow_up), ApiError);
    quern.clear_refusal();
    context.submit(follow_up);
  });
  running.start();
  CHECK(quern.outcome(quern.add("work"))["op"] == "complete");
  std::vector<std::string> keys;
  for (const FakeRequest& request : quern.server().requests()) {
    const auto body = nlohmann::json::parse(request.body);
    if (request.target == "/tasks") keys.push_back(body["idempotency_key"]);
    if (request.target != "/tasks/batch") continue;
    for (const auto& task : body["tasks"]) keys.push_back(task["idempotency_key"]);
  }
  REQUIRE(keys.size() == 6);
  CHECK(std::set<std::string>(keys.begin(), keys.end()).size() == 3);
  CHECK(keys[0] == keys[2]);
  CHECK(keys[1] == keys[3]);
  CHECK(keys[4] == keys[5]);
}

TEST_CASE("options out of range are refused") {
  Client client;
  CHECK_THROWS_AS(Worker(client, {.queues = {}}), ApiError);
  CHECK_THROWS_AS(Worker(client, {.concurrency = 0}), ApiError);
  CHECK_THROWS_AS(Worker(client, {.concurrency = 1001}), ApiError);
  CHECK_THROWS_AS(Worker(client, {.lease = 10ms}), ApiError);
  CHECK_THROWS_AS(Worker(client, {.grace = -1ms}), ApiError);
}

TEST_CASE("a failed attempt is a warning with its task, and a type without handler is one in all") {
  FakeQuern quern;
  Client client({.server = quern.server().url()});
  std::vector<std::string> warnings;
  Worker worker(client, {.queues = {"q"}, .log = [&](LogLevel level, std::string_view text) {
                           if (level == LogLevel::warning) warnings.emplace_back(text);
                         }});
  worker.handle("error", [](Context&) { throw std::out_of_range("index 5"); })
      .handle("permanent", [](Context&) { throw Permanent("no such user", "UnknownUser"); })
      .handle("release", [](Context&) { throw Release(0s); })
      .handle("fine", [](Context&) {});
  const std::string error = quern.add("error");
  for (const char* const type : {"fine", "release", "permanent", "unheard-of"}) quern.add(type);
  const std::string last = quern.add("unheard-of");
  {
    const std::jthread thread([&](std::stop_token stop) { worker.run(stop); });
    quern.outcome(last);
  }
  REQUIRE(warnings.size() == 3);
  CHECK(warnings[0].find("std::out_of_range: index 5; it may be retried") != std::string::npos);
  CHECK(warnings[0].find(" task_id=" + error + " queue=q type=error attempt=1 ") !=
        std::string::npos);
  CHECK(warnings[1].find("UnknownUser: no such user; no retry") != std::string::npos);
  CHECK(warnings[2].find("no handler for type \"unheard-of\"") != std::string::npos);
}
