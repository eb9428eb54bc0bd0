// Worker while the server is killed, restarted and frozen in the middle of its handlers.
#include <doctest/doctest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "handler_history.h"
#include "quern/quern.h"
#include "quernd.h"
#include "running_worker.h"
#include "support/eventually.h"

using namespace std::chrono_literals;
using namespace quern::test;

namespace {

// A server, and a worker of its queue "q" whose tasks take until the test says so.
struct Setting {
  explicit Setting(const quern::WorkerOptions& options, quern::ClientOptions client_options = {})
      : client(with_url(std::move(client_options), quernd.url())), worker(client, options) {
    client.queue_set("q", quick_retries(100));
  }

  // Until `over()`, for which `make_over` is asked at every start of a handler. One that is asked
  // to stop before fails.
  template <typename MakeOver>
  void handle(const MakeOver& make_over) {
    worker.handle("work", [this, make_over](quern::Context& context) {
      if (!history.run(context, make_over())) throw std::runtime_error("stopped");
      return context.payload();
    });
  }
  // Until the round is over in which they started.
  void handle_until_round_is_over() {
    handle([this] { return [this, before = rounds_over.load()] { return rounds_over > before; }; });
  }
  std::vector<quern::Task> submit(std::size_t count) {
    return client.submit_batch(tasks_for("q", count));
  }
  // Each of them was leased once, and has its payload for a result.
  void check_ran_once(const std::vector<quern::Task>& tasks) {
    CHECK(history.start_count() == tasks.size());
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      const quern::Task task = client.get(tasks[i].id);
      CHECK(task.attempts == 1);
      CHECK(task.result == std::to_string(i));
    }
  }

  static quern::ClientOptions with_url(quern::ClientOptions options, std::string url) {
    options.server = std::move(url);
    return options;
  }

  Quernd quernd;
  quern::Client client;
  HandlerHistory history;
  std::atomic<std::size_t> rounds_over = 0;
  quern::Worker worker;
};

quern::WorkerOptions with_short_lease(quern::WorkerOptions options) {
  options.lease = 1s;
  return options;
}

}  // namespace

TEST_CASE("a server killed again and again in the middle of long handlers: each task runs once") {
  constexpr std::size_t rounds = 4;
  constexpr std::size_t at_once = 8;
  Setting setting(options_for("q", at_once));
  setting.handle_until_round_is_over();
  const auto tasks = setting.submit(rounds * at_once);
  Background background(setting.worker);
  for (std::size_t round = 0; round < rounds; ++round) {
    REQUIRE(setting.history.await_running(at_once));
    setting.quernd.kill();
    ++setting.rounds_over;
    // All their results meet a server that is not there.
    REQUIRE(setting.history.await_running(0));
    setting.quernd.start();
  }
  wait_for_all(setting.client, tasks);
  setting.check_ran_once(tasks);
  CHECK(setting.worker.stats().reconnects >= rounds);
}

TEST_CASE("a server that comes back within the lease takes the results of handlers that went on") {
  constexpr std::size_t at_once = 4;
  Setting setting(options_for("q", at_once));
  setting.handle_until_round_is_over();
  const auto tasks = setting.submit(at_once);
  Background background(setting.worker);
  REQUIRE(setting.history.await_running(at_once));
  for (int kill = 0; kill < 3; ++kill) {
    setting.quernd.kill();
    setting.quernd.start();
    // Heartbeats go on: the lease's end moves.
    const auto lease_end = [&] { return setting.client.get(tasks[0].id).lease.value().expires_at; };
    const quern::Timestamp end = lease_end();
    eventually(
        "the lease is extended", [&] { return lease_end() > end; },
        [](bool holds) { return holds; });
  }
  ++setting.rounds_over;
  wait_for_all(setting.client, tasks);
  setting.check_ran_once(tasks);
}

TEST_CASE("a task whose lease ended while the server was away runs again, and not before") {
  constexpr std::size_t at_once = 4;
  constexpr std::size_t rounds = 3;
  Setting setting(with_short_lease(options_for("q", at_once)));
  std::atomic<bool> go_on = false;
  setting.handle([&] { return [&] { return go_on.load(); }; });
  const auto tasks = setting.submit(at_once);
  Background background(setting.worker);
  for (std::size_t round = 0; round < rounds; ++round) {
    REQUIRE(setting.history.await_running(at_once));
    setting.quernd.kill();
    REQUIRE(setting.history.await_running(0));  // asked to stop: nobody knows whose the task is
    setting.quernd.start();
  }
  REQUIRE(setting.history.await_running(at_once));
  go_on = true;
  wait_for_all(setting.client, tasks);
  CHECK(setting.history.start_count() >= (rounds + 1) * at_once);
  CHECK(setting.history.too_early() == "");
}

TEST_CASE("short tasks through many kills: none is lost, none is run twice within its lease") {
  // What a killed server had leased comes back soon.
  Setting setting(with_short_lease(options_for("q", 16)));
  setting.handle([] { return [] { return true; }; });
  std::vector<quern::Task> tasks;
  Background background(setting.worker);
  for (int round = 0; round < 5; ++round) {
    // At full speed, not when all is quiet.
    const std::size_t before = setting.history.start_count();
    for (quern::Task& task : setting.submit(300)) tasks.push_back(std::move(task));
    eventually(
        "the worker consumes", [&] { return setting.history.start_count(); },
        [&](std::size_t count) { return count >= before + 100; });
    setting.quernd.kill();
    setting.quernd.start();
  }
  wait_for_all(setting.client, tasks);
  CHECK(setting.history.task_count() == tasks.size());
  CHECK(setting.history.too_early() == "");
}

TEST_CASE("a server that accepts and never answers costs no task and no attempt") {
  constexpr std::size_t rounds = 3;
  constexpr std::size_t at_once = 4;
  quern::WorkerOptions options = options_for("q", at_once);
  std::atomic<int> failures = 0;
  options.log = [&](quern::LogLevel, std::string_view text) {
    if (text.starts_with("unreachable")) ++failures;
  };
  Setting setting(options, {.timeout = 300ms, .retry_for = 60s});
  setting.handle_until_round_is_over();
  const auto tasks = setting.submit(rounds * at_once);
  Background background(setting.worker);
  for (std::size_t round = 0; round < rounds; ++round) {
    REQUIRE(setting.history.await_running(at_once));
    const int before = failures;
    setting.quernd.freeze();
    ++setting.rounds_over;
    REQUIRE(setting.history.await_running(0));
    eventually(
        "the worker tries again and again", [&] { return failures.load(); },
        [&](int count) { return count >= before + 4; });
    setting.quernd.thaw();
  }
  wait_for_all(setting.client, tasks);
  setting.check_ran_once(tasks);
}
