// Worker and a server that is away, refuses, or has given the task to somebody else.
#include <doctest/doctest.h>

#include <latch>

#include "quern/quern.h"
#include "worker_on_fake.h"

using namespace quern;
using namespace quern::test;
using namespace std::chrono_literals;

TEST_CASE("a long handler's lease is kept alive, and its progress shown") {
  FakeQuern quern;
  RunningWorker running(quern, {.lease = 1s, .heartbeat = 100ms});
  std::latch release(1);
  running.worker.handle("long", [&](Context& context) {
    context.progress(R"({"done": 0.5})");
    release.wait();
  });
  running.start();
  const std::string id = quern.add("long");
  std::size_t beats = 0;
  bool progress = false;
  CHECK(quern.eventually([&] {
    beats = 0;
    for (const auto& item : quern.settled()) {
      if (item["op"] != "heartbeat") continue;
      ++beats;
      progress = progress || (item.contains("progress") && item["progress"]["done"] == 0.5);
    }
    return beats >= 5 && progress;
  }));
  CHECK(quern.heartbeats(id)[0]["lease_ms"] == 1000);
  release.count_down();
  CHECK(quern.outcome(id)["op"] == "complete");
}

TEST_CASE("a handler whose lease is lost is asked to stop, and nothing is reported for it") {
  FakeQuern quern;
  RunningWorker running(quern, {.lease = 1s, .heartbeat = 100ms});
  running.worker.handle("long", [](Context& context) { wait_for_stop(context); })
      .handle("short", [](Context&) {});
  running.start();
  const std::string id = quern.add("long");
  quern.lose(id);
  CHECK(quern.outcome(quern.add("short"))["op"] == "complete");  // the slot is free again
  CHECK(quern.outcomes(id).empty());
  CHECK(running.worker.stats().lease_lost == 1);
}

TEST_CASE("results that could not be reported are reported when the server is back") {
  FakeQuern quern;
  RunningWorker running(quern, {.concurrency = 2});
  std::latch started(2);
  std::latch release(1);
  running.worker.handle("work", [&](Context&) {
    started.count_down();
    release.wait();
  });
  running.start();
  const std::string first = quern.add("work");
  const std::string second = quern.add("work");
  started.wait();
  quern.server().stop();
  release.count_down();
  quern.server().start();
  CHECK(quern.outcome(first)["op"] == "complete");
  CHECK(quern.outcome(second)["op"] == "complete");
}

TEST_CASE("a worker keeps consuming after a server that is away or silent") {
  FakeQuern quern;
  RunningWorker running(quern, {.lease = 3s, .wait = 1s});
  running.worker.handle("work", [](Context&) {});
  running.start();
  CHECK(quern.outcome(quern.add("work"))["op"] == "complete");
  for (int round = 0; round < 2; ++round) {
    quern.server().stop();
    quern.server().start();
    CHECK(quern.outcome(quern.add("work"))["op"] == "complete");
  }
  quern.be_silent(2);
  CHECK(quern.outcome(quern.add("work"))["op"] == "complete");
  quern.refuse(problem(503, "recovering"));
  int calls = 0;
  CHECK(quern.eventually([&] {
    if (calls == 0) calls = quern.calls();
    return quern.calls() > calls + 1;
  }));
  quern.clear_refusal();
  CHECK(quern.outcome(quern.add("work"))["op"] == "complete");
}

TEST_CASE("a stranger in the server's place, or a revoked token, costs no result") {
  for (const FakeAnswer& answer :
       {FakeAnswer{.body = "<html>", .content_type = "text/html"}, FakeAnswer{.body = "{}"},
        FakeAnswer{.status = 404, .body = "<html>", .content_type = "text/html"},
        problem(401, "unauthorized"), problem(404, "not_found"),
        problem(421, "misdirected_request")}) {
    CAPTURE(answer.body);
    FakeQuern quern;
    RunningWorker running(quern);
    std::latch started(1);
    std::latch release(1);
    running.worker.handle("work", [&](Context&) {
      started.count_down();
      release.wait();
    });
    running.start();
    const std::string id = quern.add("work");
    started.wait();
    quern.refuse(answer);
    release.count_down();
    int calls = 0;
    CHECK(quern.eventually([&] {
      if (calls == 0) calls = quern.calls();
      return quern.calls() > calls + 2;
    }));
    quern.clear_refusal();
    CHECK(quern.outcome(id)["op"] == "complete");
    CHECK(quern.outcomes(id).size() == 1);
  }
}

TEST_CASE(
    "a server that asks for an hour's pause is looked at long before, and the lease watched") {
  FakeQuern quern;
  RunningWorker running(quern, {.concurrency = 2, .lease = 1s, .heartbeat = 100ms});
  std::latch started(1);
  std::latch asked_to_stop(1);
  std::latch release(1);
  running.worker
      .handle("long",
              [&](Context& context) {
                started.count_down();
                wait_for_stop(context);
                asked_to_stop.count_down();
                release.wait();
              })
      .handle("short", [](Context&) {});
  running.start();
  const std::string id = quern.add("long");
  started.wait();
  FakeAnswer busy = problem(503, "store_unavailable");
  busy.extra_headers = "Retry-After: 3600\r\n";
  quern.refuse(busy);
  quern.server().stop();  // ends the long poll, so that the next one is refused, too
  quern.server().start();
  asked_to_stop.wait();  // the lease is over
  const std::size_t beats = quern.heartbeats(id).size();
  quern.clear_refusal();
  CHECK(quern.eventually([&] {
    std::size_t count = 0;
    for (const auto& item : quern.settled()) count += item["op"] == "heartbeat" ? 1 : 0;
    return count > beats;
  }));
  release.count_down();
  CHECK(quern.outcome(quern.add("short"))["op"] == "complete");  // leased again
}

TEST_CASE("a result that the server will not have becomes a failure with the reason") {
  FakeQuern quern;
  RunningWorker running(quern);
  running.worker.handle("big", [](Context&) { return std::string(R"("too large")"); });
  running.start();
  const std::string id = quern.add("big");
  nlohmann::json last;
  CHECK(quern.eventually([&] {
    for (const auto& item : quern.settled()) {
      if (item["op"] == "fail") last = item;
    }
    return !last.is_null();
  }));
  CHECK(last["id"] == id);
  CHECK(last["retryable"] == false);
  CHECK(last["error"]["type"] == "ResultRefused");
  CHECK(last["error"]["message"] == "1 MiB");
}
