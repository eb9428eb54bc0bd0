#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <barrier>
#include <latch>
#include <thread>

#include "fake_quern.h"
#include "quern/quern.h"
#include "worker/stop_on_signal.h"

using namespace quern;
using namespace quern::test;
using namespace std::chrono_literals;

namespace {

// A worker that runs until the end of the scope.
struct RunningWorker {
  explicit RunningWorker(FakeQuern& quern, WorkerOptions options = {})
      : client({.server = quern.server().url(), .timeout = 1s}), worker(client, quiet(options)) {}
  ~RunningWorker() { stop(); }

  void start() {
    thread = std::thread([this] { worker.run(); });
  }
  void stop() {
    worker.stop();
    if (thread.joinable()) thread.join();
  }
  static WorkerOptions quiet(WorkerOptions options) {
    options.queues = {"q"};
    options.log = [](LogLevel, std::string_view) {};
    return options;
  }

  Client client;
  Worker worker;
  std::thread thread;
};

// Handlers wait here without sleeping.
void wait_for_stop(Context& context) {
  std::atomic<bool> stopped = false;
  std::stop_callback on_stop(context.stop_token(), [&] {
    stopped = true;
    stopped.notify_all();
  });
  stopped.wait(false);
}

}  // namespace

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

TEST_CASE("stop finishes what runs and reports it") {
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
  running.worker.stop();
  release.count_down();
  running.stop();
  CHECK(quern.outcomes(id).size() == 1);
  CHECK(quern.outcomes(id)[0]["op"] == "complete");
}

TEST_CASE("a handler that gives up when the grace time is over gives its task back") {
  FakeQuern quern;
  RunningWorker running(quern, {.grace = 10ms});
  std::latch started(1);
  running.worker.handle("work", [&](Context& context) {
    started.count_down();
    wait_for_stop(context);
    throw std::runtime_error("interrupted");
  });
  running.start();
  const std::string id = quern.add("work");
  started.wait();
  running.stop();
  REQUIRE(quern.outcomes(id).size() == 1);
  CHECK(quern.outcomes(id)[0]["op"] == "release");
  CHECK(running.worker.stats().released == 1);
}

TEST_CASE("a grace time without end is not over at once") {
  FakeQuern quern;
  RunningWorker running(quern, {.grace = Duration::max()});
  std::latch started(1);
  running.worker.handle("work", [&](Context& context) {
    started.count_down();
    std::this_thread::sleep_for(200ms);
    if (context.stop_requested()) throw Release(0s);
  });
  running.start();
  const std::string id = quern.add("work");
  started.wait();
  running.stop();
  CHECK(quern.outcome(id)["op"] == "complete");
}

TEST_CASE("what is called when a handler is asked to stop may use its context and the worker") {
  FakeQuern quern;
  RunningWorker running(quern, {.lease = 1s, .heartbeat = 100ms, .grace = 10ms});
  std::latch started(1);
  running.worker
      .handle("work",
              [&](Context& context) {
                const std::stop_callback on_stop(context.stop_token(), [&] {
                  context.deadline();
                  context.progress("1");
                  running.worker.stats();
                });
                started.count_down();
                wait_for_stop(context);
                throw Release(0s);
              })
      .handle("short", [](Context&) {});
  SUBCASE("the lease is lost") {
    running.start();
    const std::string id = quern.add("work");
    quern.lose(id);
    CHECK(quern.outcome(quern.add("short"))["op"] == "complete");
  }
  SUBCASE("the lease is over") {
    running.start();
    const std::string id = quern.add("work");
    started.wait();
    quern.refuse(problem(503, "store_unavailable"));
    std::this_thread::sleep_for(1200ms);
    quern.clear_refusal();
    CHECK(quern.outcome(id)["op"] == "release");
  }
  SUBCASE("the grace time is over") {
    running.start();
    const std::string id = quern.add("work");
    started.wait();
    running.stop();
    CHECK(quern.outcome(id)["op"] == "release");
  }
}

TEST_CASE("a second signal ends the process at once, whichever the first was") {
  for (const int first : {SIGINT, SIGTERM}) {
    for (const int second : {SIGINT, SIGTERM}) {
      CAPTURE(first);
      CAPTURE(second);
      const pid_t child = ::fork();
      if (child == 0) {
        for (const int number : {SIGINT, SIGTERM}) ::signal(number, SIG_DFL);  // not doctest's
        const sdk::StopOnSignal on_signal([] {});
        ::raise(first);
        ::raise(second);
        ::_exit(0);
      }
      int status = 0;
      REQUIRE(::waitpid(child, &status, 0) == child);
      CHECK(WIFSIGNALED(status));
      CHECK(WTERMSIG(status) == second);
    }
  }
}

TEST_CASE("an exception from outside ends run() instead of hanging it") {
  FakeQuern quern;
  quern.refuse(problem(503, "store_unavailable"));
  Client client({.server = quern.server().url()});
  Worker worker(client, {.queues = {"q"}, .concurrency = 4, .log = [](LogLevel, std::string_view) {
                           throw std::runtime_error("the disk is full");
                         }});
  CHECK_THROWS_WITH_AS(worker.run(), "the disk is full", std::runtime_error);
}

// The sanitizers do not bear a limit on memory.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("threads that cannot be made end run() instead of hanging it") {
  for (const bool bulkheads : {false, true}) {
    CAPTURE(bulkheads);
    const pid_t child = ::fork();
    if (child == 0) {
      ::signal(SIGALRM, SIG_DFL);
      ::alarm(10);
      int outcome = 1;
      {
        Client client({.server = "http://127.0.0.1:1"});
        WorkerOptions options{.queues = {"q"}, .log = [](LogLevel, std::string_view) {}};
        if (!bulkheads) options.concurrency = 1'000;
        for (int i = 0; bulkheads && i < 1'000; ++i) {
          options.bulkheads.push_back({.queues = {"q" + std::to_string(i)}});
        }
        Worker worker(client, options);
        const rlimit memory{.rlim_cur = 1'000'000'000, .rlim_max = 1'000'000'000};
        ::setrlimit(RLIMIT_AS, &memory);
        try {
          worker.run();
        } catch (const std::system_error&) {
          outcome = 0;
        }
      }
      ::_exit(outcome);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
}
#endif

TEST_CASE("a first call that is refused ends run() with the reason") {
  FakeQuern quern;
  quern.refuse(problem(401, "unauthorized", "no such token"));
  RunningWorker running(quern);
  CHECK_THROWS_WITH_AS(running.worker.run(), "unauthorized: no such token", ApiError);
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

TEST_CASE("options out of range are refused") {
  Client client;
  CHECK_THROWS_AS(Worker(client, {.queues = {}}), ApiError);
  CHECK_THROWS_AS(Worker(client, {.concurrency = 0}), ApiError);
  CHECK_THROWS_AS(Worker(client, {.concurrency = 1001}), ApiError);
  CHECK_THROWS_AS(Worker(client, {.lease = 10ms}), ApiError);
  CHECK_THROWS_AS(Worker(client, {.grace = -1ms}), ApiError);
}
