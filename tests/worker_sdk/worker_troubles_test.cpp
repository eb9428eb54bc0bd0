// Worker through a network that makes trouble, in front of the real server.
#include <doctest/doctest.h>

#include <atomic>
#include <stdexcept>

#include "handler_history.h"
#include "quern/quern.h"
#include "running_worker.h"
#include "troubled_setting.h"

using namespace std::chrono_literals;
using namespace quern::test;
using Kind = quern::test::Trouble::Kind;

namespace {

struct Setting : TroubledSetting {
  quern::Client client{{.server = proxy.url(), .timeout = 300ms}};
};

}  // namespace

TEST_CASE("a worker keeps consuming after any trouble, and no task is lost") {
  Setting setting;
  setting.direct.queue_set("q", quick_retries(100));
  quern::WorkerOptions options = options_for("q", 4);
  options.lease = 1s;  // what a lost answer had leased comes back soon
  options.wait = 1s;
  quern::Worker worker(setting.client, options);
  HandlerHistory history;
  worker.handle("work", [&](quern::Context& context) {
    history.run(context, [] { return true; });
    return context.payload();
  });
  Background background(worker);
  std::size_t expected = 0;
  for (const Trouble& trouble : every_trouble) {
    CAPTURE(name_of(trouble));
    const std::size_t before = setting.proxy.struck();
    setting.proxy.make(trouble);
    const auto during = setting.direct.submit_batch(tasks_for("q", 20));
    setting.await_strikes(before + 2);
    setting.proxy.end_trouble();
    const auto after = setting.direct.submit_batch(tasks_for("q", 20));
    wait_for_all(setting.direct, during);
    wait_for_all(setting.direct, after);
    CHECK(setting.direct.get(after[7].id).result == "7");
    expected += 40;
  }
  CHECK(history.task_count() == expected);
  CHECK(history.too_early() == "");
  CHECK(worker.stats().reconnects >= every_trouble.size());
}

TEST_CASE("results that no trouble let through are reported when it ends, without another run") {
  constexpr std::size_t at_once = 4;
  Setting setting;
  quern::WorkerOptions options = options_for("q", at_once);
  options.wait = 1s;
  quern::Worker worker(setting.client, options);
  HandlerHistory history;
  std::atomic<std::size_t> rounds_over = 0;
  worker.handle("work", [&](quern::Context& context) {
    history.run(context, [&, before = rounds_over.load()] { return rounds_over > before; });
    return context.payload();
  });
  Background background(worker);
  std::size_t expected = 0;
  for (const Trouble& trouble : every_trouble) {
    CAPTURE(name_of(trouble));
    const auto tasks = setting.direct.submit_batch(tasks_for("q", at_once));
    REQUIRE(history.await_running(at_once));
    setting.proxy.make(trouble);
    const std::size_t before = setting.proxy.struck();
    ++rounds_over;
    REQUIRE(history.await_running(0));
    setting.await_strikes(before + 3);
    setting.proxy.end_trouble();
    wait_for_all(setting.direct, tasks);
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      const quern::Task task = setting.direct.get(tasks[i].id);
      CHECK(task.attempts == 1);
      CHECK(task.result == std::to_string(i));
    }
    expected += at_once;
  }
  CHECK(history.start_count() == expected);
}

TEST_CASE("heartbeats through a slow network keep the lease") {
  Setting setting;
  quern::WorkerOptions options = options_for("q", 1);
  options.lease = 2s;
  options.wait = 1s;
  quern::Worker worker(setting.client, options);
  HandlerHistory history;
  std::atomic<bool> go_on = false;
  worker.handle(
      "work", [&](quern::Context& context) { history.run(context, [&] { return go_on.load(); }); });
  setting.proxy.make({.delay = 100ms});
  const auto tasks = setting.direct.submit_batch(tasks_for("q", 1));
  Background background(worker);
  REQUIRE(history.await_running(1));
  const quern::Timestamp end = setting.direct.get(tasks[0].id).lease.value().expires_at;
  eventually(
      "the lease outlives its length",
      [&] { return setting.direct.get(tasks[0].id).lease.value().expires_at > end + 2s; },
      [](bool holds) { return holds; });
  go_on = true;
  wait_for_all(setting.direct, tasks);
  CHECK(history.start_count() == 1);
}

TEST_CASE("a connection that goes silent costs no lease, however short the queue's is") {
  TroubledSetting setting;
  quern::QueueSettings settings;
  settings.lease = 3s;
  setting.direct.queue_set("q", settings);
  quern::Client client({.server = setting.proxy.url()});
  quern::Worker worker(client, options_for("q", 1));
  HandlerHistory history;
  std::atomic<bool> go_on = false;
  worker.handle(
      "work", [&](quern::Context& context) { history.run(context, [&] { return go_on.load(); }); });
  const auto tasks = setting.direct.submit_batch(tasks_for("q", 1));
  Background background(worker);
  REQUIRE(history.await_running(1));
  setting.proxy.make(Kind::swallow_request);
  setting.await_strikes(1);
  setting.proxy.end_trouble();
  const quern::Timestamp end = setting.direct.get(tasks[0].id).lease.value().expires_at;
  eventually(
      "the lease outlives its length",
      [&] { return setting.direct.get(tasks[0].id).lease.value().expires_at > end + 3s; },
      [](bool holds) { return holds; });
  go_on = true;
  wait_for_all(setting.direct, tasks);
  CHECK(history.start_count() == 1);
}

TEST_CASE("a worker that is stopped during trouble ends, and what it held comes back") {
  struct Row {
    Kind trouble;
    quern::Duration lease;
    std::uint32_t attempts;  // that the tasks needed in all
  };
  for (const Row& row : {
           // Nothing gets through: the leases end, and not before may another worker have the
           // tasks.
           Row{Kind::swallow_request, 2s, 2},
           // The releases get through: the tasks are free long before their leases end.
           Row{Kind::swallow_answer, 1h, 1},
       }) {
    CAPTURE(to_string(row.trouble));
    Setting setting;
    setting.direct.queue_set("q", quick_retries(100));
    quern::WorkerOptions options = options_for("q", 2);
    options.lease = row.lease;
    options.grace = 100ms;
    std::atomic<int> errors = 0;
    options.log = [&](quern::LogLevel level, std::string_view) {
      if (level == quern::LogLevel::error) ++errors;
    };
    HandlerHistory history;
    std::atomic<bool> go_on = false;
    const auto handler = [&](quern::Context& context) {
      if (!history.run(context, [&] { return go_on.load(); })) throw std::runtime_error("stopped");
    };
    const auto tasks = setting.direct.submit_batch(tasks_for("q", 2));
    {
      quern::Worker worker(setting.client, options);
      worker.handle("work", handler);
      Background background(worker);
      REQUIRE(history.await_running(2));
      setting.proxy.make(row.trouble);
      background.stop();
      CHECK(worker.stats().succeeded + worker.stats().failed + worker.stats().released == 0);
    }
    CHECK(errors == 1);  // says that it ends with reports that were not answered
    go_on = true;
    options.lease = 60s;
    quern::Worker next(setting.direct, options);
    next.handle("work", handler);
    Background background(next);
    wait_for_all(setting.direct, tasks);
    for (const quern::Task& task : tasks) {
      CHECK(setting.direct.get(task.id).attempts == row.attempts);
    }
    CHECK(history.start_count() == 2 * tasks.size());
    if (row.trouble == Kind::swallow_request) CHECK(history.too_early() == "");
  }
}
