// Backups of the real server while producers and workers keep it busy: what is restored of each
// must be a prefix of what happened, with everything in it that was answered before the backup
// began.

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/http_client.h"
#include "support/server.h"
#include "support/temp_dir.h"

namespace quern::test {
namespace {

using Time = Clock::time_point;

// One call that changes a task: a submit, or the completion of what was leased.
struct Step {
  std::string task;
  bool completes = false;
  Time sent;
  Time answered;
};

class History {
 public:
  void add(Step step) {
    const std::lock_guard lock(mutex_);
    steps_.push_back(std::move(step));
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return steps_.size();
  }
  std::vector<Step> steps() const {
    const std::lock_guard lock(mutex_);
    return steps_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Step> steps_;
};

void produce(std::uint16_t port, History& history, const std::atomic<bool>& done) {
  Client client(port, Client::Log::off);
  while (!done) {
    Step step{.sent = Clock::now()};
    const Response response = client.post(
        "/tasks",
        {{"type", "work"}, {"queue", "q"}, {"payload", std::string(std::size_t{2'000}, 'p')}});
    if (response.status != 202) continue;
    step.answered = Clock::now();
    step.task = response.json()["id"];
    history.add(std::move(step));
  }
}

void work(std::uint16_t port, History& history, const std::atomic<bool>& done) {
  Client client(port, Client::Log::off);
  while (!done) {
    const Json leased =
        client
            .post("/leases",
                  {{"queues", {"q"}}, {"max_tasks", 5}, {"wait_ms", 100}, {"lease_ms", 3'600'000}})
            .json()["tasks"];
    for (const Json& task : leased) {
      Step step{.task = task["id"], .completes = true, .sent = Clock::now()};
      const Response response = client.post("/tasks/" + step.task + "/complete",
                                            {{"lease_token", task["lease"]["token"]}});
      if (response.status != 200) continue;
      step.answered = Clock::now();
      history.add(std::move(step));
    }
  }
}

struct Taken {
  std::uint32_t id;
  Time begun;
  Time ended;
};

// State of each task, by id.
std::map<std::string, std::string> states(std::uint16_t port) {
  Client client(port, Client::Log::off);
  std::map<std::string, std::string> found;
  std::string cursor;
  do {
    const Json page = client.get("/tasks?queue=q&limit=1000" + cursor).json();
    for (const Json& task : page["tasks"]) found[task["id"]] = task["state"];
    cursor =
        page["next_cursor"].is_null() ? "" : "&cursor=" + page["next_cursor"].get<std::string>();
  } while (!cursor.empty());
  return found;
}

// What is wrong with the restored state, in words; "" when it is a prefix.
std::string flaw(const std::vector<Step>& steps, const std::map<std::string, std::string>& found,
                 const Taken& taken) {
  std::optional<Time> first_missing;  // when the first that is not there was answered
  std::optional<Time> last_present;   // when the last that is there was sent
  for (const Step& step : steps) {
    const auto task = found.find(step.task);
    const bool present = task != found.end() && (!step.completes || task->second == "succeeded");
    if (!present && step.answered < taken.begun) {
      return "task " + step.task + (step.completes ? " is not succeeded" : " is not there") +
             ", although that was answered before the backup began";
    }
    if (present && step.sent > taken.ended) {
      return "task " + step.task + " is from after the backup";
    }
    if (present && (!last_present || step.sent > *last_present)) last_present = step.sent;
    if (!present && (!first_missing || step.answered < *first_missing)) {
      first_missing = step.answered;
    }
  }
  if (first_missing && last_present && *first_missing < *last_present) {
    return "something is there that was sent after something that is missing was answered";
  }
  return "";
}

TEST_CASE("what is restored of a backup under load is a prefix of the history") {
  constexpr int backup_count = 6;
  const TempDir folder;
  const std::string backups = (folder.path() / "backups").string();
  Server server({.data = folder.path() / "data",
                 .port = 0,
                 .flags = {"--backup-directory", backups},
                 .environment = {}});
  History history;
  std::atomic<bool> done{false};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] { produce(server.port(), history, done); });
  }
  for (int i = 0; i < 2; ++i) clients.emplace_back([&] { work(server.port(), history, done); });

  std::vector<Taken> taken;
  Client client(server.port(), Client::Log::off);
  std::size_t seen = 0;
  while (taken.size() < backup_count) {
    // Something must have happened in between.
    while (history.size() < seen + 50) std::this_thread::yield();
    seen = history.size();
    Taken backup{.begun = Clock::now()};
    const Response response = client.post("/admin/backups");
    INFO(response.body);
    REQUIRE(response.status == 200);
    backup.ended = Clock::now();
    backup.id = response.json()["id"];
    taken.push_back(backup);
  }
  done = true;
  for (std::thread& thread : clients) thread.join();
  const std::vector<Step> steps = history.steps();
  MESSAGE(steps.size() << " answered calls, " << taken.size() << " backups");
  // Not a clean stop: the backups must not depend on one.
  server.kill();

  for (const Taken& backup : taken) {
    CAPTURE(backup.id);
    const std::string data = (folder.path() / ("restored" + std::to_string(backup.id))).string();
    const Finished restored = run_to_end({"backup", "restore", "--from", backups, "--data", data,
                                          "--id", std::to_string(backup.id)});
    INFO(restored.errors);
    REQUIRE(restored.status == 0);
    const Finished doctor = run_to_end({"doctor", "--data", data});
    CHECK_MESSAGE(doctor.status == 0, doctor.output);
    const Server elsewhere({.data = data, .port = 0, .flags = {}, .environment = {}});
    CHECK(flaw(steps, states(elsewhere.port()), backup) == "");
  }
}

TEST_CASE("the check for prefixes finds what is none") {
  const Time zero{};
  const auto at = [&](int second) { return zero + std::chrono::seconds(second); };
  const std::vector<Step> steps = {{"a", false, at(1), at(2)},
                                   {"b", false, at(3), at(4)},
                                   {"a", true, at(5), at(6)},
                                   {"c", false, at(30), at(31)}};
  const Taken late{.id = 1, .begun = at(10), .ended = at(20)};
  const Taken early{.id = 1, .begun = at(2), .ended = at(20)};
  CHECK(flaw(steps, {{"a", "succeeded"}, {"b", "ready"}}, late) == "");
  CHECK(flaw(steps, {{"a", "running"}, {"b", "ready"}}, early) == "");
  CHECK(flaw(steps, {{"a", "ready"}}, early) == "");
  CHECK(flaw(steps, {{"a", "running"}, {"b", "ready"}}, late) != "");
  CHECK(flaw(steps, {{"a", "succeeded"}}, early) != "");
  CHECK(flaw(steps, {{"b", "ready"}}, early) != "");
  CHECK(flaw(steps, {{"a", "succeeded"}, {"b", "ready"}, {"c", "ready"}}, early) != "");
}

TEST_CASE("a server that is killed while it makes backups starts again, and so do they") {
  const TempDir folder;
  const std::string backups = (folder.path() / "backups").string();
  const ServerOptions options{.data = folder.path() / "data",
                              .port = 0,
                              .flags = {"--backup-directory", backups},
                              .environment = {}};
  History history;
  for (int cycle = 0; cycle < 5; ++cycle) {
    Server server(options);
    std::atomic<bool> done{false};
    // Whoever loses the connection has nothing more to say.
    const auto until_killed = [&](auto call) {
      return std::thread([&, call] {
        try {
          call();
        } catch (const std::exception&) {
        }
      });
    };
    std::vector<std::thread> clients;
    clients.push_back(until_killed([&] { produce(server.port(), history, done); }));
    clients.push_back(until_killed([&] { work(server.port(), history, done); }));
    std::atomic<int> made{0};
    clients.push_back(until_killed([&] {
      Client client(server.port(), Client::Log::off);
      while (!done) made += client.post("/admin/backups").status == 200 ? 1 : 0;
    }));
    const auto deadline = Clock::now() + patience;
    while (made < 2 && Clock::now() < deadline) std::this_thread::yield();
    server.kill();
    done = true;
    for (std::thread& thread : clients) thread.join();
    REQUIRE(made >= 2);
  }
  const Server server(options);
  const std::map<std::string, std::string> found = states(server.port());
  for (const Step& step : history.steps()) {
    REQUIRE(found.contains(step.task));
    if (step.completes) CHECK(found.at(step.task) == "succeeded");
  }
  Client client(server.port(), Client::Log::off);
  const Response made = client.post("/admin/backups");
  INFO(made.body);
  REQUIRE(made.status == 200);
  const std::string id = made.json()["id"].dump();
  CHECK(client.post("/admin/backups/" + id + "/verify").json()["sound"] == true);
}

}  // namespace
}  // namespace quern::test
