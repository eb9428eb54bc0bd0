// How Worker ends: asked to, by signals, and by what goes wrong.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <latch>
#include <stdexcept>
#include <thread>

#include "quern/quern.h"
#include "worker/stop_on_signal.h"
#include "worker_on_fake.h"

using namespace quern;
using namespace quern::test;
using namespace std::chrono_literals;

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

TEST_CASE("a handler that does not stop is named when its task is given back under it") {
  FakeQuern quern;
  Client client({.server = quern.server().url()});
  std::string warnings;
  Worker worker(client,
                {.queues = {"q"}, .grace = 0ms, .log = [&](LogLevel level, std::string_view text) {
                   if (level == LogLevel::warning) warnings += text;
                 }});
  std::latch started(1);
  std::latch release(1);
  worker.handle("deaf", [&](Context&) {
    started.count_down();
    release.wait();
  });
  const std::string id = quern.add("deaf");
  std::thread thread([&] { worker.run(); });
  started.wait();
  worker.stop();
  CHECK(quern.outcome(id)["op"] == "release");  // while it still runs
  release.count_down();
  thread.join();
  CHECK(quern.outcomes(id).size() == 1);
  CHECK(warnings.find(id + " (deaf)") != std::string::npos);
}

TEST_CASE("a grace time without end is not over at once") {
  FakeQuern quern;
  RunningWorker running(quern, {.heartbeat = 100ms, .grace = Duration::max()});
  std::latch started(1);
  std::latch release(1);
  running.worker.handle("work", [&](Context& context) {
    started.count_down();
    release.wait();
    if (context.stop_requested()) throw Release(0s);
  });
  running.start();
  const std::string id = quern.add("work");
  started.wait();
  running.worker.stop();
  const std::size_t beats = quern.heartbeats(id).size();
  CHECK(quern.eventually([&] { return quern.settled().size() >= beats + 3; }));  // time goes by
  release.count_down();
  running.stop();
  CHECK(quern.outcome(id)["op"] == "complete");
}

TEST_CASE("what is called when a handler is asked to stop may use its context and the worker") {
  FakeQuern quern;
  RunningWorker running(quern, {.lease = 1s, .heartbeat = 100ms, .grace = 10ms});
  std::latch started(1);
  std::latch called(1);
  running.worker
      .handle("work",
              [&](Context& context) {
                const std::stop_callback on_stop(context.stop_token(), [&] {
                  context.deadline();
                  context.progress("1");
                  running.worker.stats();
                  called.count_down();
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
    called.wait();
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

namespace {

// The end of a child in which `signals_seen` runs while signals are watched for.
template <typename Run>
int status_of_child(const Run& signals_seen) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (const int number : {SIGINT, SIGTERM}) ::signal(number, SIG_DFL);  // not doctest's
    ::signal(SIGALRM, SIG_DFL);
    ::alarm(30);
    const sdk::StopOnSignal on_signal([] {});
    signals_seen();
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status;
}

}  // namespace

TEST_CASE("a second signal ends the process, whichever the first was") {
  for (const int first : {SIGINT, SIGTERM}) {
    for (const int second : {SIGINT, SIGTERM}) {
      CAPTURE(first);
      CAPTURE(second);
      const int status = status_of_child([&] {
        ::raise(first);
        for (;;) ::raise(second);  // until it no longer counts as the first, come twice
      });
      CHECK(WIFSIGNALED(status));
      CHECK(WTERMSIG(status) == second);
    }
  }
}

TEST_CASE("one stop may be signalled twice, to a process and to its group") {
  for (const int again : {SIGINT, SIGTERM}) {
    const int status = status_of_child([&] {
      ::raise(SIGTERM);
      ::raise(again);
    });
    CHECK(WIFEXITED(status));
  }
}

TEST_CASE("the first signal stops all that wait for it, and those that come while it does") {
  const pid_t child = ::fork();
  if (child == 0) {
    for (const int number : {SIGINT, SIGTERM}) ::signal(number, SIG_DFL);  // not doctest's
    ::signal(SIGALRM, SIG_DFL);
    ::alarm(30);
    std::atomic<int> called = 0;
    const auto call = [&] {
      ++called;
      called.notify_all();
    };
    const auto await_calls = [&](int count) {
      for (int seen = called; seen != count; seen = called) called.wait(seen);
    };
    {
      const sdk::StopOnSignal first(call);
      const sdk::StopOnSignal second(call);
      {
        const sdk::StopOnSignal gone([] { ::_exit(1); });
      }
      ::raise(SIGTERM);
      await_calls(2);
      const sdk::StopOnSignal late(call);
      await_calls(3);
    }
    // When all are gone the next one waits for a signal of its own.
    const sdk::StopOnSignal next(call);
    if (called != 3) ::_exit(2);
    ::raise(SIGINT);
    await_calls(4);
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

TEST_CASE("a log that throws costs its line and nothing else, whichever thread wrote it") {
  FakeQuern quern;
  Client client({.server = quern.server().url(), .timeout = 1s});
  std::atomic<int> lines = 0;
  Worker worker(client, {.queues = {"q"},
                         .concurrency = 2,
                         .lease = 10s,
                         .heartbeat = 100ms,
                         .log = [&](LogLevel, std::string_view) {
                           ++lines;
                           throw std::runtime_error("the disk is full");
                         }});
  std::latch started(1);
  std::latch release(1);
  worker.handle("work", [&](Context& context) {
    context.log(LogLevel::warning, "begun");  // the handler's own thread
    started.count_down();
    release.wait();
  });
  std::thread thread([&] { worker.run(); });
  const std::string id = quern.add("work");
  started.wait();
  // The leasing thread is in its long poll: the next to meet this is the heartbeat.
  quern.refuse(problem(503, "store_unavailable"));
  CHECK(quern.eventually([&] { return lines > 1; }));
  quern.server().stop();  // ends the long poll: now it is the leasing thread
  quern.server().start();
  CHECK(quern.eventually([&] { return lines > 2; }));
  quern.clear_refusal();
  release.count_down();
  CHECK(quern.outcome(id)["op"] == "complete");
  worker.stop();
  thread.join();
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
