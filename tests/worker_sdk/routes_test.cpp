// Operators' routes of Client against the real server.
#include <doctest/doctest.h>

#include <thread>

#include "api_error.h"
#include "quern/quern.h"
#include "quernd.h"
#include "support/temp_dir.h"

using namespace std::chrono_literals;
using quern::ErrorCode;
using quern::NewTask;
using quern::TaskState;
using quern::test::code_of;
using quern::test::Quernd;

namespace {

// Dead tasks of these types, one each.
void add_dead(quern::Client& client, const std::string& queue,
              const std::vector<std::string>& types) {
  std::vector<NewTask> tasks;
  for (const std::string& type : types) tasks.push_back({.queue = queue, .type = type});
  client.submit_batch(tasks);
  for (const quern::Task& leased : client.lease({.queues = {queue}, .max_tasks = 1000}).tasks) {
    client.fail(leased, {.type = leased.type + "Error", .message = "no"}, false);
  }
}

}  // namespace

TEST_CASE("a purge deletes the tasks of the states it names, and no others") {
  const Quernd quernd;
  quern::Client client({.server = quernd.url()});
  const auto ready =
      client.submit_batch({{.queue = "q", .type = "t"}, {.queue = "q", .type = "t"}});
  const quern::Task later = client.submit({.queue = "q", .type = "t", .delay = 1h});
  CHECK(client.queue_purge("q", {TaskState::ready}) == 2);
  CHECK(client.queue_purge("q", {TaskState::ready, TaskState::dead}) == 0);
  CHECK(code_of([&] { client.get(ready[0].id); }) == ErrorCode::task_not_found);
  CHECK(client.get(later.id).state == TaskState::scheduled);
  CHECK(code_of([&] { client.queue_purge("q", {TaskState::running}); }) ==
        ErrorCode::invalid_argument);
  CHECK(code_of([&] { client.queue_purge("q", {}); }) == ErrorCode::invalid_argument);
  CHECK(code_of([&] { client.queue_purge("nowhere", {TaskState::ready}); }) ==
        ErrorCode::queue_not_found);
}

TEST_CASE("a queue that still holds tasks is deleted only by force") {
  const Quernd quernd;
  quern::Client client({.server = quernd.url()});
  client.queue_set("empty", {});
  client.queue_delete("empty");
  CHECK(code_of([&] { client.queue("empty"); }) == ErrorCode::queue_not_found);
  CHECK(code_of([&] { client.queue_delete("empty"); }) == ErrorCode::queue_not_found);

  client.submit({.queue = "full", .type = "t"});
  CHECK(code_of([&] { client.queue_delete("full"); }) == ErrorCode::queue_not_empty);
  client.queue_delete("full", true);
  CHECK(code_of([&] { client.queue("full"); }) == ErrorCode::queue_not_found);
}

TEST_CASE("dead tasks are discarded by filter") {
  const Quernd quernd;
  quern::Client client({.server = quernd.url()});
  add_dead(client, "q", {"a", "b", "b", "c", "c"});
  REQUIRE(client.queue("q").counts.dead == 5);
  CHECK(client.dead_discard("q", {.all = true, .type = "b"}) == 2);
  CHECK(client.dead_discard("q", {.all = true, .error_type = "cError", .limit = 1}) == 1);
  const std::string id = client.dead_list("q").items.at(0).id;
  CHECK(client.dead_discard("q", {.ids = {id}}) == 1);
  CHECK(client.queue("q").counts.dead == 1);
  CHECK(code_of([&] { client.dead_discard("q", {}); }) == ErrorCode::invalid_argument);
}

TEST_CASE("a redrive may move tasks into another queue, at a rate") {
  const Quernd quernd;
  quern::Client client({.server = quernd.url()});
  add_dead(client, "q", {"a", "b"});
  CHECK(client.dead_redrive("q", {.all = true, .dead_reason = quern::DeadReason::not_retryable},
                            {.to_queue = "second", .rate_per_second = 1000}) == 2);
  const auto leased = client.lease({.queues = {"second"}, .max_tasks = 1, .wait = 30s});
  CHECK(leased.tasks.size() == 1);
}

TEST_CASE("a server says what it is, that it lives and that it takes work") {
  Quernd quernd;
  quern::Client client({.server = quernd.url(), .retry_for = 0ms});
  client.check_alive();
  CHECK(client.readiness().ready);
  const quern::ServerInfo info = client.info();
  CHECK_FALSE(info.version.empty());
  CHECK(info.durability == "fsync");
  CHECK(info.limits.batch_tasks_max == 10'000);
  CHECK(info.limits.payload_bytes_max == 1 << 20);
  CHECK(info.limits.wait_max == 60s);
  CHECK(to_json(info).find(R"("batch_tasks_max":10000)") != std::string::npos);
  client.submit({.queue = "q", .type = "t"});
  const quern::Diagnosis diagnosis = client.doctor();
  CHECK(diagnosis.sound);
  CHECK(diagnosis.task_count == 1);
  CHECK(to_json(diagnosis) ==  // the entry is of the idempotency key
        R"({"sound":true,"queues":1,"tasks":1,"index_entries":1,"finding_count":0,"findings":[]})");
  CHECK(client.metrics().find("quern_tasks_submitted_total{queue=\"q\"} 1\n") != std::string::npos);

  quernd.kill();
  CHECK(code_of([&] { client.metrics(); }) == ErrorCode::unreachable);
  CHECK(code_of([&] { client.check_alive(); }) == ErrorCode::unreachable);
  CHECK(code_of([&] { client.readiness(); }) == ErrorCode::unreachable);
}

TEST_CASE("a server drains, says how far it is, and goes on when it is told to") {
  Quernd quernd;
  quern::Client client({.server = quernd.url(), .retry_for = 0ms});
  client.submit_batch({{.queue = "q", .type = "t"}, {.queue = "q", .type = "t"}});
  const quern::Task held = client.lease({.queues = {"q"}}).tasks.at(0);
  CHECK(client.drain().running == 1);
  CHECK_FALSE(client.drain(10ms).drained());
  CHECK(client.readiness().reason.code == ErrorCode::draining);
  CHECK(code_of([&] { client.lease({.queues = {"q"}}); }) == ErrorCode::draining);
  CHECK(code_of([&] { client.submit({.queue = "q", .type = "t"}); }) == ErrorCode::draining);
  std::jthread settling([&] { quern::Client(client.options()).complete(held); });
  const quern::DrainStatus status = client.drain(1h);
  CHECK(status.drained());
  CHECK(to_json(status) == R"({"status":"drained","running":0})");
  client.drain_end();
  CHECK(client.readiness().ready);
  CHECK(client.lease({.queues = {"q"}}).tasks.size() == 1);
}

TEST_CASE("backups are made, listed and checked") {
  const quern::test::TempDir backups;
  const Quernd quernd({"--backup-directory", backups.path().string()});
  quern::Client client({.server = quernd.url()});
  CHECK(client.backups().items.empty());
  client.submit({.queue = "q", .type = "t"});
  const quern::Backup first = client.backup_create();
  CHECK(first.id == 1);
  CHECK(first.bytes > 0);
  CHECK_FALSE(first.damaged);
  client.submit({.queue = "q", .type = "t"});
  const quern::Backup second = client.backup_create();
  const auto page = client.backups({.limit = 1});
  REQUIRE(page.items.size() == 1);
  CHECK(page.items[0].id == second.id);
  CHECK(client.backups({.limit = 1, .cursor = page.next_cursor}).items.at(0).id == first.id);
  CHECK(to_json(second).find(R"("damaged":false)") != std::string::npos);

  const quern::BackupCheck check = client.backup_verify(first.id);
  CHECK(check.sound());
  CHECK(to_json(check) == R"({"id":1,"sound":true,"findings":[]})");
  CHECK(code_of([&] { client.backup_verify(9); }) == ErrorCode::backup_not_found);
  const Quernd without;
  CHECK(code_of([&] { without.client().backup_create(); }) == ErrorCode::no_backup_directory);
}

TEST_CASE("a watch shows the queue, then its changes, and survives the server's end") {
  Quernd quernd;
  quern::Client client({.server = quernd.url()});
  client.queue_set("q", {});
  std::vector<std::uint64_t> ready;
  client.watch("q",
               [&](const quern::Queue& queue) {
                 ready.push_back(queue.counts.ready);
                 if (ready.size() == 2) {
                   quernd.kill();
                   quernd.start();
                 }
                 if (ready.size() < 4) client.submit({.queue = "q", .type = "t"});
                 return ready.size() < 4;
               },
               {}, {.interval = 10ms});
  CHECK(ready == std::vector<std::uint64_t>{0, 1, 2, 3});
}

TEST_CASE("a watch ends by its stop token, and throws what is refused") {
  Quernd quernd;
  quern::Client client({.server = quernd.url()});
  CHECK(code_of([&] { client.watch("nowhere", [](const quern::Queue&) { return true; }); }) ==
        ErrorCode::queue_not_found);
  client.queue_set("q", {});
  std::stop_source stop;
  int seen = 0;
  client.watch("q",
               [&](const quern::Queue&) {
                 stop.request_stop();
                 return ++seen > 0;
               },
               stop.get_token(), {.interval = 1h});
  CHECK(seen == 1);
}
