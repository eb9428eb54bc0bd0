// The SDK against the real server. worker_restart_test.cpp takes that away.
#include "quernd.h"

#include <doctest/doctest.h>

#include <atomic>
#include <csignal>
#include <latch>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "api_error.h"
#include "quern/quern.h"
#include "running_worker.h"
#include "support/eventually.h"

using namespace std::chrono_literals;
using namespace quern::test;
using quern::ErrorCode;
using quern::TaskState;

namespace {

// How often each payload was run.
class RunCounts {
 public:
  void add(const std::string& payload) {
    const std::lock_guard lock(mutex_);
    ++counts_[payload];
  }
  std::size_t size() const { return counts_.size(); }
  bool all_once() const {
    for (const auto& [payload, count] : counts_) {
      if (count != 1) return false;
    }
    return true;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, int> counts_;
};

void wait_for_stop(const quern::Context& context) {
  std::atomic<bool> stopped = false;
  std::stop_callback on_stop(context.stop_token(), [&] {
    stopped = true;
    stopped.notify_all();
  });
  stopped.wait(false);
}

}  // namespace

TEST_CASE("a task goes through submit, lease, heartbeat, release and complete") {
  Quernd quernd;
  quern::Client client = quernd.client();
  const std::string payload = R"({ "big": 1e400, "a": 1, "a": "\ud800" })";
  const quern::Task submitted = client.submit({.queue = "q",
                                               .type = "t",
                                               .payload = payload,
                                               .priority = 7,
                                               .correlation_id = "operation",
                                               .metadata = {{"tenant", "ü"}}});
  CHECK(submitted.state == TaskState::ready);
  CHECK(submitted.metadata.at("tenant") == "ü");
  CHECK(client.get(submitted.id).payload == payload);

  const quern::LeaseAnswer first = client.lease({.queues = {"q"}, .worker_id = "me"});
  REQUIRE(first.tasks.size() == 1);
  CHECK(first.tasks[0].id == submitted.id);
  CHECK(first.tasks[0].payload == payload);
  const quern::Timestamp end = client.heartbeat(first.tasks[0], 120s, R"({"done": 1})");
  CHECK(end > first.tasks[0].lease->expires_at);
  CHECK(client.get(submitted.id).progress == R"({"done": 1})");
  CHECK(client.get(submitted.id).lease->worker_id == "me");
  CHECK(client.release(first.tasks[0]).state == TaskState::ready);

  const quern::LeaseAnswer second = client.lease({.queues = {"q"}, .wait = 10s});
  REQUIRE(second.tasks.size() == 1);
  CHECK(second.tasks[0].attempts == 1);  // the release gave one back
  CHECK(client.complete(second.tasks[0], "[1, 2]").state == TaskState::succeeded);
  CHECK(client.complete(second.tasks[0], "[1, 2]").state == TaskState::succeeded);  // a repeat
  CHECK(code_of([&] { client.complete(first.tasks[0]); }) != ErrorCode::internal);
  CHECK(client.wait(submitted.id, 0ms).result == "[1, 2]");
  CHECK(client.list({.correlation_id = "operation"}).items.size() == 1);
}

TEST_CASE("refusals come as their codes") {
  Quernd quernd;
  quern::Client client = quernd.client();
  CHECK(code_of([&] { client.get("nonsense"); }) == ErrorCode::task_not_found);
  CHECK(code_of([&] { client.queue("nowhere"); }) == ErrorCode::queue_not_found);
  CHECK(code_of([&] { client.submit({.type = "no blanks"}); }) == ErrorCode::invalid_argument);
  CHECK(code_of([&] { client.submit({.type = "t", .priority = 10}); }) ==
        ErrorCode::invalid_argument);
  CHECK(code_of([&] {
          client.submit({.type = "t", .payload = '"' + std::string(2 << 20, 'x') + '"'});
        }) == ErrorCode::payload_too_large);
  client.submit({.type = "t", .payload = "1", .idempotency_key = "k"});
  CHECK(client.submit({.type = "t", .payload = "1", .idempotency_key = "k"}).replayed);
  CHECK(code_of([&] { client.submit({.type = "t", .payload = "2", .idempotency_key = "k"}); }) ==
        ErrorCode::idempotency_key_reused);
}

TEST_CASE("queues and dead letters are looked at and changed") {
  Quernd quernd;
  quern::Client client = quernd.client();
  quern::QueueSettings settings;
  settings.max_attempts = 1;
  settings.ttl = 1h;
  CHECK(client.queue_set("q", settings).settings == settings);
  CHECK(client.queue_patch("q", R"({"ttl_ms": null, "max_backlog": 100})").settings.max_backlog ==
        100);
  CHECK(client.queue("q").settings.ttl == std::nullopt);
  CHECK(client.queue_pause("q").settings.paused);
  CHECK_FALSE(client.queue_resume("q").settings.paused);

  client.submit_batch(tasks_for("q", 3));
  std::vector<quern::Settlement> settle;
  for (const quern::Task& task : client.lease({.queues = {"q"}, .max_tasks = 10}).tasks) {
    quern::Settlement item{
        .op = quern::SettleOp::fail, .id = task.id, .lease_token = task.lease->token};
    item.error = {.type = "Broken", .message = "no way", .details = R"({"n": 1})"};
    settle.push_back(item);
  }
  REQUIRE(settle.size() == 3);
  settle.push_back(settle[0]);
  settle[3].lease_token = "00000000000000000000000000000000";
  const auto settled = client.settle(settle);
  REQUIRE(settled.size() == 4);
  CHECK(settled[0].state == TaskState::dead);
  CHECK(settled[3].problem.has_value());

  const auto page = client.dead_list("q", {.limit = 2});
  CHECK(page.items.size() == 2);
  CHECK(page.items[0].dead_reason == quern::DeadReason::max_attempts);
  CHECK(page.items[0].last_error->type == "Broken");
  CHECK(client.dead_list("q", {.limit = 2, .cursor = page.next_cursor}).items.size() == 1);
  CHECK(client.redrive(settle[0].id).state == TaskState::ready);
  CHECK(client.dead_redrive("q", {.all = true, .error_type = "Other"}) == 0);
  CHECK(client.dead_redrive("q", {.all = true, .error_type = "Broken"}) == 2);
  CHECK(client.queue("q").counts.ready == 3);
  CHECK(client.cancel(settle[0].id).state == TaskState::cancelled);
  CHECK(code_of([&] { client.cancel(settle[0].id); }) == ErrorCode::task_finished);
  CHECK(client.queues().items.size() == 1);
}

TEST_CASE("a worker runs every task once and reports every result") {
  Quernd quernd;
  quern::Client client = quernd.client();
  quern::Worker worker(client, options_for("q", 16));
  RunCounts runs;
  worker.handle("work", [&](quern::Context& context) {
    runs.add(context.payload());
    return context.payload();
  });
  const auto tasks = client.submit_batch(tasks_for("q", 2000));
  {
    Background background(worker);
    wait_for_all(client, tasks);
  }
  CHECK(client.get(tasks[17].id).result == "17");
  CHECK(runs.size() == 2000);
  CHECK(runs.all_once());
  CHECK(worker.stats().succeeded == 2000);
}

TEST_CASE("a failing task is retried, dies with its reason, and lives again by a redrive") {
  Quernd quernd;
  quern::Client client = quernd.client();
  client.queue_set("q", quick_retries(3));
  std::atomic<bool> healthy = false;
  quern::Worker worker(client, options_for("q", 2));
  worker
      .handle("work",
              [&](quern::Context& context) {
                if (!healthy)
                  throw std::runtime_error("attempt " + std::to_string(context.attempt()));
              })
      .handle("hopeless", [](quern::Context&) { throw quern::Permanent("no", "Hopeless"); });
  Background background(worker);

  const quern::Task failing = client.submit({.queue = "q", .type = "work"});
  const quern::Task dead = client.wait(failing.id, 60s);
  CHECK(dead.state == TaskState::dead);
  CHECK(dead.dead_reason == quern::DeadReason::max_attempts);
  REQUIRE(dead.failures.size() == 3);
  CHECK(dead.failures[2].error.message == "attempt 3");
  CHECK(dead.failures[2].error.type == "std::runtime_error");

  const quern::Task hopeless =
      client.wait(client.submit({.queue = "q", .type = "hopeless"}).id, 60s);
  CHECK(hopeless.dead_reason == quern::DeadReason::not_retryable);
  CHECK(hopeless.attempts == 1);

  healthy = true;
  client.redrive(failing.id);
  CHECK(client.wait(failing.id, 60s).state == TaskState::succeeded);
}

TEST_CASE("a task that a handler releases comes back with all its attempts") {
  Quernd quernd;
  quern::Client client = quernd.client();
  client.queue_set("q", quick_retries(1));
  quern::Worker worker(client, options_for("q", 1));
  std::atomic<int> deliveries = 0;
  std::atomic<bool> always_first = true;
  worker.handle("work", [&](quern::Context& context) {
    if (context.attempt() != 1) always_first = false;
    if (++deliveries < 4) throw quern::Release(1ms, "not now");
  });
  Background background(worker);
  const quern::Task task = client.wait(client.submit({.queue = "q", .type = "work"}).id, 60s);
  CHECK(task.state == TaskState::succeeded);
  CHECK(task.attempts == 1);
  CHECK(task.failures.empty());
  CHECK(deliveries == 4);
  CHECK(always_first);
}

TEST_CASE("a queue behind a bulkhead goes on while the others are stuck") {
  Quernd quernd;
  quern::Client client = quernd.client();
  quern::WorkerOptions options = options_for("slow", 1);
  options.bulkheads = {{.queues = {"quick"}, .concurrency = 2}};
  quern::Worker worker(client, options);
  std::latch started(1);
  std::latch go_on(1);
  worker
      .handle("stuck",
              [&](quern::Context&) {
                started.count_down();
                go_on.wait();
              })
      .handle("work", [](quern::Context&) {});
  const quern::Task stuck = client.submit({.queue = "slow", .type = "stuck"});
  Background background(worker);
  started.wait();
  wait_for_all(client, client.submit_batch(tasks_for("quick", 20)));
  CHECK(client.get(stuck.id).state == TaskState::running);
  go_on.count_down();
  wait_for_all(client, {stuck});
  options.bulkheads.push_back({.queues = {"slow"}});
  CHECK(code_of([&] { quern::Worker refused(client, options); }) == ErrorCode::invalid_argument);
}

TEST_CASE("once() runs an effect in the first attempt only and remembers its result") {
  struct Memory : quern::OnceStore {
    std::mutex mutex;
    std::map<std::string, std::string> kept;
    std::optional<std::string> find(const std::string& key) override {
      const std::lock_guard lock(mutex);
      const auto found = kept.find(key);
      if (found == kept.end()) return std::nullopt;
      return found->second;
    }
    std::string keep(const std::string& key, const std::string& value) override {
      const std::lock_guard lock(mutex);
      return kept.emplace(key, value).first->second;
    }
  };
  Quernd quernd;
  quern::Client client = quernd.client();
  client.queue_set("q", quick_retries(3));
  Memory memory;
  quern::WorkerOptions options = options_for("q", 1);
  options.once_store = &memory;
  quern::Worker worker(client, options);
  int charges = 0;
  worker.handle("work", [&](quern::Context& context) {
    const std::string receipt = context.once("charge", [&] { return std::to_string(++charges); });
    if (context.attempt() < 3) throw std::runtime_error("after the charge");
    return receipt;
  });
  Background background(worker);
  const quern::Task task = client.wait(client.submit({.queue = "q", .type = "work"}).id, 60s);
  CHECK(task.state == TaskState::succeeded);
  CHECK(task.result == "1");
  CHECK(charges == 1);
}

TEST_CASE("a handler is asked to stop in time to say how far it came before its time-out") {
  Quernd quernd;
  quern::Client client = quernd.client();
  client.queue_set("q", quick_retries(1));
  quern::WorkerOptions options = options_for("q", 2);
  options.lease = 3s;
  quern::Worker worker(client, options);
  worker.handle("long", [](quern::Context& context) {
    wait_for_stop(context);
    throw std::runtime_error("half done");
  });
  Background background(worker);
  // One time-out that cuts the first lease, and one that cuts a later one.
  for (const quern::Duration timeout : {quern::Duration{2s}, quern::Duration{5s}}) {
    const quern::Task task =
        client.wait(client.submit({.queue = "q", .type = "long", .timeout = timeout}).id, 60s);
    REQUIRE(task.last_error);
    CHECK(task.last_error->message == "half done");
  }
}

TEST_CASE("a task that is given back whenever its time-out is near dies after its attempts") {
  Quernd quernd;
  quern::Client client = quernd.client();
  client.queue_set("q", quick_retries(2));
  quern::Worker worker(client, options_for("q", 1));
  std::atomic<int> starts = 0;
  worker.handle("long", [&](quern::Context& context) {
    ++starts;
    wait_for_stop(context);
    throw quern::Release(0s);
  });
  Background background(worker);
  const quern::Task task =
      client.wait(client.submit({.queue = "q", .type = "long", .timeout = 1200ms}).id, 60s);
  CHECK(task.state == TaskState::dead);
  CHECK(starts == 2);
  REQUIRE(task.last_error);
  CHECK(task.last_error->type == "timeout");
}

TEST_CASE("every lease says how long its attempt may take, a task's own time-out or its queue's") {
  Quernd quernd;
  quern::Client client = quernd.client();
  quern::QueueSettings settings;
  settings.timeout = 7s;
  client.queue_set("limited", settings);
  const auto timeout_of_lease = [&](const std::string& queue) {
    const auto leased = client.lease({.queues = {queue}, .lease = 60s}).tasks;
    REQUIRE(leased.size() == 1);
    const auto timeout = leased[0].lease.value().timeout;
    CHECK(client.get(leased[0].id).lease.value().timeout == std::nullopt);
    client.release(leased[0]);
    return timeout;
  };
  client.submit({.queue = "free", .type = "t"});
  CHECK(timeout_of_lease("free") == std::nullopt);
  client.submit({.queue = "own", .type = "t", .timeout = 4s});
  client.submit({.queue = "limited", .type = "t"});
  for (int round = 0; round < 2; ++round) {  // whenever it starts
    CHECK(timeout_of_lease("own") == quern::Duration{4s});
    CHECK(timeout_of_lease("limited") == quern::Duration{7s});
  }
}

TEST_CASE("a worker that names no lease keeps the task's or its queue's alive") {
  Quernd quernd;
  quern::Client client = quernd.client();
  quern::QueueSettings settings;
  settings.lease = 9s;
  client.queue_set("q", settings);
  const quern::Task own = client.submit({.queue = "q", .type = "own", .lease = 1s});
  const quern::Task inherited = client.submit({.queue = "q", .type = "inherited"});
  quern::WorkerOptions options = options_for("q", 2);
  options.heartbeat = 5s;  // too few for the shorter lease
  quern::Worker worker(client, options);
  worker.handle_any([&](quern::Context& context) {
    const quern::Timestamp first_end = context.deadline();
    const quern::Duration length = context.task().lease.value().length.value();
    while (length == 1s && context.deadline() < first_end + 500ms) std::this_thread::yield();
    return std::to_string(length.count());
  });
  Background background(worker);
  wait_for_all(client, {own, inherited});
  CHECK(client.get(own.id).result == "1000");
  CHECK(client.get(own.id).attempts == 1);
  CHECK(client.get(inherited.id).result == "9000");
}

TEST_CASE("a cancelled task's handler is asked to stop") {
  Quernd quernd;
  quern::Client client = quernd.client();
  quern::Worker worker(client, options_for("q", 1));
  std::latch started(1);
  worker.handle("long", [&](quern::Context& context) {
    started.count_down();
    wait_for_stop(context);
  });
  worker.handle("work", [](quern::Context&) {});
  Background background(worker);
  const quern::Task task = client.submit({.queue = "q", .type = "long"});
  started.wait();
  client.cancel(task.id);
  wait_for_all(client, client.submit_batch(tasks_for("q", 1)));  // the slot is free again
  CHECK(client.get(task.id).state == TaskState::cancelled);
}

TEST_CASE("a lease outlives its length for as long as the handler runs") {
  Quernd quernd;
  quern::Client client = quernd.client();
  quern::WorkerOptions options = options_for("q", 1);
  options.lease = 1s;
  quern::Worker worker(client, options);
  std::latch started(1);
  std::latch go_on(1);
  worker.handle("work", [&](quern::Context&) {
    started.count_down();
    go_on.wait();
  });
  const auto tasks = client.submit_batch(tasks_for("q", 1));
  Background background(worker);
  started.wait();
  // The lease's end moves past where it was at first, and then past that.
  const quern::Timestamp first_end = client.get(tasks[0].id).lease->expires_at;
  while (client.get(tasks[0].id).lease->expires_at < first_end + 1500ms) std::this_thread::yield();
  go_on.count_down();
  wait_for_all(client, tasks);
  CHECK(client.get(tasks[0].id).attempts == 1);
}

TEST_CASE("a follow-up submitted by every attempt is one task") {
  Quernd quernd;
  quern::Client client = quernd.client();
  client.queue_set("q", quick_retries(5));
  quern::Worker worker(client, options_for("q", 1));
  worker
      .handle("first",
              [](quern::Context& context) {
                context.submit({.queue = "q", .type = "second", .payload = "{}"});
                if (context.attempt() < 3) throw std::runtime_error("after the submit");
              })
      .handle("second", [](quern::Context&) {});
  Background background(worker);
  const quern::Task first =
      client.submit({.queue = "q", .type = "first", .correlation_id = "story"});
  CHECK(client.wait(first.id, 60s).state == TaskState::succeeded);
  const auto story = client.list({.correlation_id = "story"}).items;
  REQUIRE(story.size() == 2);
  CHECK(story[1].type == "second");
}

TEST_CASE("a worker that stops leaves no task leased behind") {
  constexpr std::size_t rounds = 20;
  constexpr std::size_t per_round = 40;
  Quernd quernd;
  quern::Client client = quernd.client();
  std::uint64_t succeeded = 0;
  std::uint64_t released = 0;
  for (std::size_t round = 0; round < rounds; ++round) {
    quern::Worker worker(client, options_for("q", 8));
    worker.handle("work", [](quern::Context&) {});
    client.submit_batch(tasks_for("q", per_round / 2));
    Background background(worker);
    // Tasks arrive while the worker stops at full speed: some wait for a handler, some are in an
    // answer that is under way.
    std::jthread submitter([&] {
      for (std::size_t i = 0; i < per_round / 2; ++i) client.submit({.queue = "q", .type = "work"});
    });
    eventually(
        "the worker consumes", [&] { return worker.stats().leased; },
        [](std::uint64_t leased) { return leased > 0; });
    background.stop();
    const quern::WorkerStats stats = worker.stats();
    CHECK(stats.leased == stats.succeeded + stats.released);
    succeeded += stats.succeeded;
    released += stats.released;
  }
  CHECK(released > 0);
  const quern::QueueCounts counts = client.queue("q").counts;
  CHECK(counts.running == 0);
  CHECK(counts.succeeded == succeeded);
  CHECK(counts.ready == rounds * per_round - succeeded);
  const auto ready =
      client.list({.queue = "q", .state = TaskState::ready, .page = {.limit = rounds * per_round}})
          .items;
  CHECK(ready.size() == counts.ready);
  for (const quern::Task& task : ready) CHECK(task.attempts == 0);
}

TEST_CASE("a worker ends by SIGTERM and finishes what it was doing") {
  Quernd quernd;
  quern::Client client = quernd.client();
  quern::Worker worker(client, options_for("q", 1));
  worker.handle("work", [](quern::Context&) { std::raise(SIGTERM); });
  const auto tasks = client.submit_batch(tasks_for("q", 1));
  worker.run_until_signal();
  CHECK(client.get(tasks[0].id).state == TaskState::succeeded);
}

TEST_CASE("all workers of a process end by one SIGTERM") {
  Quernd quernd;
  quern::Client client = quernd.client();
  quern::Worker first(client, options_for("a", 1));
  quern::Worker second(client, options_for("b", 1));
  const auto tasks =
      client.submit_batch({{.queue = "a", .type = "work"}, {.queue = "b", .type = "work"}});
  for (quern::Worker* worker : {&first, &second}) worker->handle("work", [](quern::Context&) {});
  std::jthread first_thread([&] { first.run_until_signal(); });
  std::jthread second_thread([&] { second.run_until_signal(); });
  wait_for_all(client, tasks);
  std::raise(SIGTERM);  // that both threads end is the check
}
