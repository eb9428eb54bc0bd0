// How many tasks Worker holds, and what it tells the server about them.
#include <doctest/doctest.h>

#include <algorithm>
#include <barrier>
#include <latch>

#include "quern/quern.h"
#include "worker/portion.h"
#include "worker/prefetch.h"
#include "worker_on_fake.h"

using namespace quern;
using namespace quern::test;
using namespace std::chrono_literals;

TEST_CASE("as many tasks are prefetched as handlers finish during a lease call") {
  struct Row {
    std::size_t handlers;
    Prefetch::Time handler_time;
    Prefetch::Time lease_time;
    std::size_t expected;
  };
  for (const Row& row : {Row{8, 5ms, 2ms, 3}, Row{8, 1s, 2ms, 0}, Row{64, 1h, 50ms, 0},
                         Row{64, 0ms, 2ms, 64}, Row{1, 1us, 1ms, 1}, Row{1, 1us, 0ms, 0}}) {
    CAPTURE(row.handler_time.count());
    Prefetch prefetch(row.handlers);
    CHECK(prefetch.count() == 0);  // nothing is known yet
    for (int i = 0; i < 1'000; ++i) {
      prefetch.handler_took(row.handler_time);
      prefetch.lease_took(row.lease_time);
    }
    CHECK(prefetch.count() == row.expected);
    prefetch.was_too_many();
    CHECK(prefetch.count() == 0);
  }
}

TEST_CASE("a lease call asks for what arrives long before its leases end") {
  constexpr Duration lease{60'000};
  Portion portion;
  CHECK(portion.tasks_max() == 4);
  for (int call = 0; call < 20; ++call) portion.arrived(portion.tasks_max(), 1ms, lease);
  CHECK(portion.tasks_max() == 1'000);
  portion.arrived(1'000, 20s, lease);
  CHECK(portion.tasks_max() == 500);
  portion.arrived(500, 5s, lease);  // slow, but in time
  portion.arrived(3, 1ms, lease);   // there were no more
  CHECK(portion.tasks_max() == 500);
  portion.arrived(3, 20s, lease);
  CHECK(portion.tasks_max() == 1);
  portion.timed_out();
  CHECK(portion.tasks_max() == 1);
  portion.arrived(1, 1ms, lease);
  CHECK(portion.tasks_max() == 2);
}

TEST_CASE("short handlers have the next tasks at hand while a lease call is under way") {
  constexpr std::size_t concurrency = 2;
  FakeQuern quern;
  RunningWorker running(quern, {.concurrency = concurrency});
  running.worker.handle("short", [](Context&) {});
  std::string last;
  for (int i = 0; i < 1'000; ++i) last = quern.add("short");
  running.start();
  quern.outcome(last);
  std::size_t most = 0;
  for (const FakeRequest& request : quern.server().requests()) {
    const auto body = nlohmann::json::parse(request.body);
    most = std::max(most, body["max_tasks"].get<std::size_t>());
  }
  CHECK(most > concurrency);
  CHECK(most <= 2 * concurrency);
}

TEST_CASE("what was prefetched goes back when handlers turn out to be slow, and no more is held") {
  FakeQuern quern;
  RunningWorker running(quern, {.concurrency = 1});
  std::latch release(1);
  running.worker.handle("short", [](Context&) {}).handle("slow", [&](Context&) { release.wait(); });
  for (int i = 0; i < 1'000; ++i) quern.add("short");
  const std::string first = quern.add("slow");
  std::vector<std::string> others;
  for (int i = 0; i < 20; ++i) others.push_back(quern.add("slow"));
  running.start();
  CHECK(quern.outcome(others[0])["op"] == "release");
  // Those at the server stay there: released are only those that came before it was known.
  CHECK(quern.outcomes(first).empty());
  release.count_down();
  CHECK(quern.outcome(first)["op"] == "complete");
  CHECK(quern.outcome(others.back())["op"] == "complete");
  std::size_t released = 0;
  for (const std::string& id : others) released += quern.outcomes(id)[0]["op"] == "release" ? 1 : 0;
  CHECK(released == 1);
}

TEST_CASE("a handler is asked to stop before its time-out by a worker whose server never answers") {
  FakeQuern quern;
  RunningWorker running(quern, {.heartbeat = 100ms});
  std::latch started(1);
  std::atomic<std::chrono::steady_clock::duration> took{};
  std::latch stopped(1);
  running.worker.handle("long", [&](Context& context) {
    const auto began = std::chrono::steady_clock::now();
    started.count_down();
    wait_for_stop(context);
    took = std::chrono::steady_clock::now() - began;
    stopped.count_down();
  });
  running.start();
  const std::string id = quern.add_with_timeout("long", 2s);
  started.wait();
  quern.be_silent(1'000);
  stopped.wait();  // else only at the end of the lease, after a minute
  CHECK(took.load() > 1s);
  CHECK(took.load() < 30s);
  quern.be_silent(0);
  CHECK(quern.outcome(id)["op"] == "complete");
}

TEST_CASE("progress of many handlers goes out in requests that no server refuses") {
  constexpr std::size_t handlers = 100;
  const std::string progress = '"' + std::string(60'000, 'x') + '"';  // 6 MB together
  FakeQuern quern;
  quern.limit_body(5 * 1024 * 1024);
  RunningWorker running(quern, {.concurrency = handlers, .lease = 60s, .heartbeat = 1s});
  std::barrier together(handlers);
  std::latch release(1);
  running.worker.handle("work", [&](Context& context) {
    together.arrive_and_wait();
    context.progress(progress);
    release.wait();
  });
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < handlers; ++i) ids.push_back(quern.add("work"));
  running.start();
  CHECK(quern.eventually([&] {
    const auto& settled = quern.settled();
    return std::ranges::count_if(settled, [](const auto& item) {
             return item.contains("progress");
           }) >= static_cast<std::ptrdiff_t>(handlers);
  }));
  release.count_down();
  for (const std::string& id : ids) CHECK(quern.outcome(id)["op"] == "complete");
  for (const FakeRequest& request : quern.server().requests()) {
    CHECK(request.body.size() <= 5 * 1024 * 1024);
  }
}

TEST_CASE("a server with a lower limit than most gets its reports in smaller requests") {
  constexpr std::size_t handlers = 32;
  FakeQuern quern;
  quern.limit_body(4'000);
  RunningWorker running(quern, {.concurrency = handlers});
  std::barrier together(handlers);
  running.worker.handle("work", [&](Context&) {
    together.arrive_and_wait();
    return '"' + std::string(500, 'x') + '"';
  });
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < handlers; ++i) ids.push_back(quern.add("work"));
  running.start();
  for (const std::string& id : ids) {
    CHECK(quern.outcome(id)["op"] == "complete");
    CHECK(quern.outcomes(id).size() == 1);
  }
  CHECK(quern.server().requests().size() < handlers);  // not one by one
}
