// The SDK against servers whose settings are not the usual ones.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <string>
#include <thread>

#include "quern/quern.h"
#include "quernd.h"
#include "running_worker.h"
#include "support/http_client.h"

using namespace std::chrono_literals;
using namespace quern::test;
using quern::TaskState;

TEST_CASE(
    "a worker consumes from a server that allows only shorter long polls than it would make") {
  for (const char* const wait_ms_max : {"1000", "1", "0"}) {
    CAPTURE(wait_ms_max);
    Quernd quernd({"--wait-ms-max", wait_ms_max});
    quern::Client client = quernd.client();
    quern::Worker worker(client, options_for("q", 1));
    worker.handle("work", [](quern::Context&) {});
    Background background(worker);
    // The first long poll is made once a call found nothing: after the first of these.
    for (int i = 0; i < 3; ++i) wait_for_all(client, client.submit_batch(tasks_for("q", 1)));
  }
}

TEST_CASE("a worker consumes from a server that gives fewer tasks at once than it would ask for") {
  Quernd quernd({"--lease-tasks-max", "10"});
  quern::Client client = quernd.client();
  quern::Worker worker(client, options_for("q", 16));  // more at the very first call
  worker.handle("work", [](quern::Context&) {});
  Background background(worker);
  wait_for_all(client, client.submit_batch(tasks_for("q", 500)));
}

TEST_CASE("a worker keeps to the lower limits of a server that was started anew with them") {
  Quernd quernd;
  quern::Client client = quernd.client();
  quern::Worker worker(client, options_for("q", 16));
  worker.handle("work", [](quern::Context&) {});
  Background background(worker);
  wait_for_all(client, client.submit_batch(tasks_for("q", 100)));
  quernd.restart({"--lease-tasks-max", "3", "--wait-ms-max", "100"});
  wait_for_all(client, client.submit_batch(tasks_for("q", 100)));
}

TEST_CASE("waiting for a task outlasts the longest long poll that the server allows") {
  for (const char* const wait_ms_max : {"50", "0"}) {
    CAPTURE(wait_ms_max);
    Quernd quernd({"--wait-ms-max", wait_ms_max});
    quern::Client client = quernd.client();
    const quern::Task task = client.submit({.queue = "q", .type = "work"});
    const auto began = std::chrono::steady_clock::now();
    CHECK(client.wait(task.id, 600ms).state == TaskState::ready);
    CHECK(std::chrono::steady_clock::now() - began >= 590ms);

    std::latch waiting(1);
    std::jthread canceller([&] {
      waiting.wait();
      quernd.client().cancel(task.id);
    });
    waiting.count_down();
    CHECK(client.wait(task.id, 60s).state == TaskState::cancelled);
  }
}

TEST_CASE(
    "a payload nested deeper than most servers allow reaches its handler, and its neighbours") {
  Quernd quernd({"--json-depth-max", "400"});
  quern::Client client = quernd.client();
  const std::string deep = std::string(390, '[') + std::string(390, ']');
  quern::test::Client raw(quernd.port());
  const Response submitted =
      raw.post_text("/tasks", R"({"queue": "q", "type": "work", "payload": )" + deep + "}");
  REQUIRE(submitted.status == 202);
  const auto others = client.submit_batch(tasks_for("q", 3));
  quern::Worker worker(client, options_for("q", 4));
  std::atomic<bool> seen = false;
  worker.handle("work", [&](quern::Context& context) {
    if (context.payload() == deep) seen = true;
  });
  Background background(worker);
  wait_for_all(client, others);
  const std::string id = submitted.json()["id"];
  CHECK(client.wait(id, 60s).state == TaskState::succeeded);
  CHECK(seen);
}
