// Worker while the server is killed, restarted and frozen in the middle of its handlers.
#include <doctest/doctest.h>

#include <atomic>
#include <stdexcept>

#include "handler_history.h"
#include "quern/quern.h"
#include "quernd.h"
#include "running_worker.h"
#include "support/eventually.h"

using namespace std::chrono_literals;
using namespace quern::test;

TEST_CASE("a server killed again and again in the middle of long handlers: each task runs once") {
  constexpr std::size_t rounds = 4;
  constexpr std::size_t at_once = 8;
  Quernd quernd;
  quern::Client client = quernd.client();
  quern::Worker worker(client, options_for("q", at_once));
  HandlerHistory history;
  std::atomic<std::size_t> kills = 0;
  worker.handle("work", [&](quern::Context& context) {
    history.run(context, [&, before = kills.load()] { return kills > before; });
    return context.payload();
  });
  const auto tasks = client.submit_batch(tasks_for("q", rounds * at_once));
  Background background(worker);
  for (std::size_t round = 0; round < rounds; ++round) {
    REQUIRE(history.await_running(at_once));
    quernd.kill();
    ++kills;
    REQUIRE(history.await_running(0));  // all their results meet a server that is not there
    quernd.start();
  }
  wait_for_all(client, tasks);
  CHECK(history.task_count() == tasks.size());
  CHECK(history.start_count() == tasks.size());
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const quern::Task task = client.get(tasks[i].id);
    CHECK(task.attempts == 1);
    CHECK(task.result == std::to_string(i));
  }
  CHECK(worker.stats().reconnects >= rounds);
}

TEST_CASE("a server that comes back within the lease takes the results of handlers that went on") {
  constexpr std::size_t at_once = 4;
  Quernd quernd;
  quern::Client client = quernd.client();
  quern::Worker worker(client, options_for("q", at_once));
  HandlerHistory history;
  std::atomic<bool> go_on = false;
  worker.handle("work", [&](quern::Context& context) {
    if (!history.run(context, [&] { return go_on.load(); })) throw std::runtime_error("stopped");
  });
  const auto tasks = client.submit_batch(tasks_for("q", at_once));
  Background background(worker);
  REQUIRE(history.await_running(at_once));
  for (int round = 0; round < 3; ++round) {
    quernd.kill();
    quernd.start();
    // Heartbeats go on: the lease's end moves.
    const quern::Timestamp end = client.get(tasks[0].id).lease.value().expires_at;
    eventually(
        "the lease is extended",
        [&] { return client.get(tasks[0].id).lease.value().expires_at > end; },
        [](bool holds) { return holds; });
  }
  go_on = true;
  wait_for_all(client, tasks);
  CHECK(history.start_count() == at_once);
  for (const quern::Task& task : tasks) CHECK(client.get(task.id).attempts == 1);
}

TEST_CASE("a task whose lease ended while the server was away runs again, and not before") {
  constexpr std::size_t at_once = 4;
  Quernd quernd;
  quern::Client client = quernd.client();
  client.queue_set("q", quick_retries(100));
  quern::WorkerOptions options = options_for("q", at_once);
  options.lease = 1s;
  quern::Worker worker(client, options);
  HandlerHistory history;
  std::atomic<bool> go_on = false;
  worker.handle("work", [&](quern::Context& context) {
    if (!history.run(context, [&] { return go_on.load(); })) throw std::runtime_error("stopped");
  });
  const auto tasks = client.submit_batch(tasks_for("q", at_once));
  Background background(worker);
  constexpr std::size_t rounds = 3;
  for (std::size_t round = 0; round < rounds; ++round) {
    REQUIRE(history.await_running(at_once));
    quernd.kill();
    REQUIRE(history.await_running(0));  // asked to stop: nobody knows whose the task is
    quernd.start();
  }
  REQUIRE(history.await_running(at_once));
  go_on = true;
  wait_for_all(client, tasks);
  CHECK(history.start_count() >= (rounds + 1) * at_once);
  CHECK(history.too_early() == "");
}

TEST_CASE("short tasks through many kills: none is lost, none is run twice within its lease") {
  Quernd quernd;
  quern::Client client = quernd.client();
  client.queue_set("q", quick_retries(100));
  quern::WorkerOptions options = options_for("q", 16);
  options.lease = 1s;  // what a killed server had leased comes back soon
  quern::Worker worker(client, options);
  HandlerHistory history;
  worker.handle("work",
                [&](quern::Context& context) { history.run(context, [] { return true; }); });
  std::vector<quern::Task> tasks;
  Background background(worker);
  for (int round = 0; round < 5; ++round) {
    // At full speed, not when all is quiet.
    const std::size_t before = history.start_count();
    for (quern::Task& task : client.submit_batch(tasks_for("q", 300))) {
      tasks.push_back(std::move(task));
    }
    eventually(
        "the worker consumes", [&] { return history.start_count(); },
        [&](std::size_t count) { return count >= before + 100; });
    quernd.kill();
    quernd.start();
  }
  wait_for_all(client, tasks);
  CHECK(history.task_count() == tasks.size());
  CHECK(history.too_early() == "");
}

TEST_CASE("a server that accepts and never answers costs no task and no attempt") {
  constexpr std::size_t rounds = 3;
  constexpr std::size_t at_once = 4;
  Quernd quernd;
  quern::Client client({.server = quernd.url(), .timeout = 300ms, .retry_for = 60s});
  quern::WorkerOptions options = options_for("q", at_once);
  std::atomic<int> failures = 0;
  options.log = [&](quern::LogLevel, std::string_view text) {
    if (text.starts_with("unreachable")) ++failures;
  };
  quern::Worker worker(client, options);
  HandlerHistory history;
  std::atomic<std::size_t> freezes = 0;
  worker.handle("work", [&](quern::Context& context) {
    history.run(context, [&, before = freezes.load()] { return freezes > before; });
  });
  const auto tasks = client.submit_batch(tasks_for("q", rounds * at_once));
  Background background(worker);
  for (std::size_t round = 0; round < rounds; ++round) {
    REQUIRE(history.await_running(at_once));
    const int before = failures;
    quernd.freeze();
    ++freezes;
    REQUIRE(history.await_running(0));
    eventually(
        "the worker tries again and again", [&] { return failures.load(); },
        [&](int count) { return count >= before + 4; });
    quernd.thaw();
  }
  wait_for_all(client, tasks);
  CHECK(history.start_count() == tasks.size());
  for (const quern::Task& task : tasks) CHECK(client.get(task.id).attempts == 1);
}
