// The program itself: flags, environment, configuration file, signals, kill -9 and restart.
// Section 7.
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "steps.h"
#include "support/temp_dir.h"

namespace quern::test {
namespace {

// The first number after `text` in `from`, as logs and messages name processes.
bool names_process(const std::string& text, pid_t pid) {
  return text.find(std::to_string(pid)) != std::string::npos;
}

ServerOptions on(const TempDir& folder, std::vector<std::string> flags = {}) {
  return {.data = folder.path() / "data", .port = 0, .flags = std::move(flags), .environment = {}};
}

// --- Questions to a running server

TEST_CASE("healthz and readyz are 200 on a server that takes work") {
  CHECK(api().get("/healthz").status == 200);
  CHECK(api().get("/readyz").status == 200);
}

TEST_CASE("info says what is running") {
  const Response response = api().get("/info");
  REQUIRE(response.status == 200);
  const Json info = response.json();
  CHECK(info["version"].is_string());
  CHECK(info.contains("build"));
  CHECK(info["durability"] == "fsync");
  CHECK(info.contains("limits"));
  CHECK(info.contains("data_format"));
}

// --- Command line

TEST_CASE("--help and --version answer and end") {
  const Finished help = run_to_end({"--help"});
  CHECK(help.status == 0);
  for (const char* flag : {"--listen", "--data", "--config", "--durability", "--log-level",
                           "--log-format", "--allowed-hosts"}) {
    CAPTURE(flag);
    CHECK(help.output.find(flag) != std::string::npos);
  }
  const Finished version = run_to_end({"--version"});
  CHECK(version.status == 0);
  CHECK(version.output.find('.') != std::string::npos);
}

TEST_CASE("an unknown flag, or a value that makes no sense, refuses to start") {
  const TempDir folder;
  const std::string data = (folder.path() / "data").string();
  for (const std::vector<std::string>& flags : std::vector<std::vector<std::string>>{
           {"--lsiten", "127.0.0.1:0"},
           {"--durability", "maybe"},
           {"--log-level", "loud"},
           {"--log-format", "xml"},
           {"--listen", "127.0.0.1"},
           {"--listen", "127.0.0.1:99999"},
           {"--config", (folder.path() / "no-such-file").string()},
           {"stray"},
       }) {
    CAPTURE(flags[0]);
    CAPTURE(flags.back());
    std::vector<std::string> arguments = {"--data", data};
    if (flags[0] != "--listen") arguments.insert(arguments.end(), {"--listen", "127.0.0.1:0"});
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const Finished finished = run_to_end(arguments);
    CHECK(finished.status != 0);
    CHECK(finished.status < 128);
    CHECK(finished.output.empty());
    CHECK_FALSE(finished.errors.empty());
  }
}

TEST_CASE("an unknown key of the configuration file refuses to start and is named") {
  const TempDir folder;
  const std::string config = (folder.path() / "quern.toml").string();
  std::ofstream(config) << "listen = \"127.0.0.1:0\"\nlsiten = \"127.0.0.1:0\"\n";
  const Finished finished =
      run_to_end({"--data", (folder.path() / "data").string(), "--config", config});
  CHECK(finished.status != 0);
  CHECK(finished.errors.find("lsiten") != std::string::npos);
}

TEST_CASE("settings come from the file, the environment over it, flags over both") {
  const TempDir folder;
  const std::string data = (folder.path() / "data").string();
  const std::string config = (folder.path() / "quern.toml").string();
  std::ofstream(config) << "listen = \"127.0.0.1:0\"\ndata = \"" << data
                        << "\"\ndurability = \"os\"\n";
  const auto durability = [&](const std::vector<std::string>& flags,
                              const Environment& environment) {
    std::vector<std::string> arguments = {"--config", config};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    Server started(arguments, environment, folder.path() / "log");
    CHECK(std::filesystem::exists(data));
    return Client(started.port()).get("/info").json()["durability"].get<std::string>();
  };
  CHECK(durability({}, {}) == "os");
  CHECK(durability({}, {{"QUERN_DURABILITY", "fsync"}}) == "fsync");
  CHECK(durability({"--durability", "os"}, {{"QUERN_DURABILITY", "fsync"}}) == "os");
}

TEST_CASE("everything may come from the environment") {
  const TempDir folder;
  Server started(
      {}, {{"QUERN_LISTEN", "127.0.0.1:0"}, {"QUERN_DATA", (folder.path() / "data").string()}},
      folder.path() / "log");
  CHECK(Client(started.port()).get("/readyz").status == 200);
}

TEST_CASE("durability os is announced by a log line") {
  const TempDir folder;
  Server started(on(folder, {"--durability=os"}));
  CHECK(Client(started.port()).get("/info").json()["durability"] == "os");
  CHECK(started.log().find("durability") != std::string::npos);
}

TEST_CASE("standard output gets exactly one line, also with logs in JSON") {
  const TempDir folder;
  Server started(on(folder, {"--log-format=json", "--log-level=debug"}));
  Client client(started.port());
  CHECK(client.get("/readyz").status == 200);
  CHECK(client.post("/tasks", {{"type", "work"}}).status == 202);
  CHECK(started.terminate() == 0);
  CHECK(started.output() ==
        "quernd ready http://127.0.0.1:" + std::to_string(started.port()) + "\n");
  std::ifstream log(folder.path() / "data.log");
  int lines = 0;
  for (std::string line; std::getline(log, line); ++lines) {
    CAPTURE(line);
    CHECK(Json::parse(line, nullptr, false).is_object());
  }
  CHECK(lines > 0);
}

TEST_CASE("without tokens another address than loopback refuses to start, and says why") {
  const TempDir folder;
  const Finished finished =
      run_to_end({"--listen", "0.0.0.0:0", "--data", (folder.path() / "data").string()});
  CHECK(finished.status != 0);
  CHECK(finished.errors.find("insecure") != std::string::npos);
}

TEST_CASE("names that are allowed as Host are taken from --allowed-hosts") {
  const TempDir folder;
  Server started(on(folder, {"--allowed-hosts", "quern.example"}));
  Client client(started.port());
  CHECK(client.get("/healthz", {{"Host", "quern.example"}}).status == 200);
  CHECK(client.get("/healthz", {{"Host", "evil.example"}}).status == 421);
}

TEST_CASE("a second server on the same data refuses to start and says which process holds it") {
  const TempDir folder;
  Server first(on(folder));
  const Finished second =
      run_to_end({"--listen", "127.0.0.1:0", "--data", (folder.path() / "data").string()});
  CHECK(second.status != 0);
  CHECK(second.status < 128);
  CHECK(second.output.empty());
  CHECK(names_process(second.errors, first.pid()));
  CHECK(Client(first.port()).get("/readyz").status == 200);
  CHECK(first.terminate() == 0);
  Server third(on(folder));
  CHECK(Client(third.port()).get("/readyz").status == 200);
}

TEST_CASE("a port that is taken refuses to start") {
  const TempDir folder;
  const Finished finished = run_to_end({"--listen", "127.0.0.1:" + std::to_string(server().port()),
                                        "--data", (folder.path() / "data").string()});
  CHECK(finished.status != 0);
  CHECK(finished.output.empty());
  CHECK_FALSE(finished.errors.empty());
}

// --- Changes while it runs

TEST_CASE("SIGHUP changes what may change, and names what waits for the next start") {
  const TempDir folder;
  const std::string config = (folder.path() / "quern.toml").string();
  const auto write = [&](const std::string& text) { std::ofstream(config) << text; };
  write("log_level = 'info'\nqueues_max = 7\n");
  Server started(on(folder, {"--config", config, "--drain-timeout-ms", "5000"}));
  Client client(started.port());
  const auto await_log = [&](const std::string& part) {
    eventually(
        "the log says: " + part, [&] { return started.log().find(part) != std::string::npos; },
        [](bool there) { return there; });
  };
  CHECK(client.get("/healthz").status == 200);
  CHECK(started.log().find("target=/healthz") == std::string::npos);

  // A flag goes before the file, also now.
  write("log_level = 'debug'\nqueues_max = 8\ndrain_timeout_ms = 1\n");
  started.signal(SIGHUP);
  await_log("a setting was changed setting=log_level value=debug");
  await_log("a setting changes with the next start only setting=queues_max");
  CHECK(client.get("/healthz").status == 200);
  await_log("target=/healthz");
  CHECK(started.log().find("drain_timeout_ms") == std::string::npos);

  write("log_level = 'loud'\n");
  started.signal(SIGHUP);
  await_log("the settings stay as they were");
  CHECK(client.get("/readyz").status == 200);
  CHECK(started.terminate() == 0);
}

// --- The end, and the start after it

// One task in each state, and what the server says about it all.
struct Inhabited {
  std::string queue = "inhabited";
  std::vector<std::string> ids;
  Json leased;  // the running one, with its token
};

Json expect(const Response& response, int status) {
  INFO(response.body);
  REQUIRE(response.status == status);
  return response.json();
}

Inhabited inhabit(Client& client) {
  Inhabited all;
  const auto submit = [&](Json fields) {
    fields["type"] = "work";
    fields["queue"] = all.queue;
    all.ids.push_back(expect(client.post("/tasks", fields), 202)["id"]);
  };
  const auto lease = [&] {
    return expect(
        client.post("/leases",
                    {{"queues", {all.queue}}, {"worker_id", "w"}, {"lease_ms", 3'600'000}}),
        200)["tasks"][0];
  };
  const auto settle = [&](const Json& leased, const char* verb, Json fields) {
    fields["lease_token"] = leased["lease"]["token"];
    expect(client.post("/tasks/" + leased["id"].get<std::string>() + "/" + verb, fields), 200);
  };
  const Json error = {{"type", "t"}, {"message", "m"}, {"details", {1, 2}}};

  expect(client.put("/queues/" + all.queue,
                    {{"max_attempts", 7}, {"idempotency_window_ms", 3'600'000}}),
         200);
  submit({{"payload", {{"a", 1}}}});
  settle(lease(), "complete", {{"result", {{"b", 2}}}});
  submit({{"metadata", {{"k", "v"}}}});
  settle(lease(), "fail", {{"error", error}, {"retryable", false}});
  submit({{"correlation_id", "op"}});
  settle(lease(), "fail", {{"error", error}, {"retry_after_ms", 3'600'000}});
  submit({{"payload", std::string(100'000, 'p')}});
  expect(client.post("/tasks/" + all.ids.back() + "/cancel"), 200);
  submit({});
  all.leased = lease();
  settle(all.leased, "heartbeat", {{"lease_ms", 3'600'000}, {"progress", {{"page", 3}}}});
  submit({{"delay_ms", 3'600'000}, {"ttl_ms", 7'200'000}});
  submit({{"idempotency_key", "k"}, {"priority", 3}});
  submit({{"priority", 7}});
  submit({{"priority", 3}});
  expect(client.put("/queues/paused-one", {{"paused", true}, {"max_backlog", 3}}), 200);
  return all;
}

// Everything that can be read, as text; what depends on the clock is left out.
std::string everything(Client& client, const Inhabited& all) {
  std::string text;
  for (const std::string& id : all.ids) text += client.get("/tasks/" + id).body + "\n";
  for (const std::string& target :
       {"/tasks?queue=" + all.queue, "/tasks?queue=" + all.queue + "&state=ready",
        std::string("/tasks?correlation_id=op"), "/queues/" + all.queue + "/dead"}) {
    text += client.get(target).body + "\n";
  }
  Json queues = client.get("/queues").json();
  for (Json& queue : queues["queues"]) queue.erase("oldest_ready_age_ms");
  return text + queues.dump();
}

void check_it_goes_on(Client& client, const Inhabited& all) {
  // The key still names its task.
  const Response replay = client.post(
      "/tasks",
      {{"type", "work"}, {"queue", all.queue}, {"idempotency_key", "k"}, {"priority", 3}});
  CHECK(replay.status == 202);
  CHECK(replay.header("Idempotency-Replayed") == "true");
  // The token still holds its task.
  const Json completed =
      expect(client.post("/tasks/" + all.leased["id"].get<std::string>() + "/complete",
                         {{"lease_token", all.leased["lease"]["token"]}, {"result", "later"}}),
             200);
  CHECK(completed["state"] == "succeeded");
  // The order of the ready is the same, and a new task comes after them.
  const std::string next = expect(
      client.post("/tasks", {{"type", "work"}, {"queue", all.queue}, {"priority", 3}}), 202)["id"];
  const std::size_t count = all.ids.size();
  CHECK(next > all.ids.back());
  CHECK(ids_of(expect(client.post("/leases", {{"queues", {all.queue}}, {"max_tasks", 10}}),
                      200)["tasks"]) ==
        std::vector{all.ids[count - 2], all.ids[count - 3], all.ids[count - 1], next});
}

TEST_CASE("SIGKILL loses nothing that was answered") {
  const TempDir folder;
  std::optional<Server> running(on(folder));
  const std::uint16_t port = running->port();
  Inhabited all;
  std::string before;
  {
    Client client(port);
    all = inhabit(client);
    before = everything(client, all);
  }
  for (int i = 0; i < 3; ++i) {
    running->kill();
    running.emplace(on(folder));
    Client client(running->port());
    CHECK(everything(client, all) == before);
  }
  Client client(running->port());
  check_it_goes_on(client, all);
}

TEST_CASE("SIGTERM ends cleanly, and nothing differs after the next start") {
  const TempDir folder;
  std::optional<Server> running(on(folder));
  Inhabited all;
  std::string before;
  {
    Client client(running->port());
    all = inhabit(client);
    before = everything(client, all);
  }
  CHECK(running->terminate() == 0);
  running.emplace(on(folder));
  Client client(running->port());
  CHECK(everything(client, all) == before);
  check_it_goes_on(client, all);
}

TEST_CASE("SIGTERM answers parked long-polls at once") {
  const TempDir folder;
  Server running(on(folder));
  PendingCall lease(running.port(), {.method = "POST",
                                     .target = "/leases",
                                     .headers = {},
                                     .body = R"({"queues":["empty"],"wait_ms":60000})"});
  Client client(running.port());
  const std::string id = expect(client.post("/tasks", {{"type", "work"}}), 202)["id"];
  PendingCall wait(
      running.port(),
      {.method = "GET", .target = "/tasks/" + id + "?wait_ms=60000", .headers = {}, .body = {}});
  // Both are in the server's hands once it has answered something that came later.
  CHECK(client.get("/readyz").status == 200);
  const auto begin = Clock::now();
  running.signal(SIGTERM);
  const Response leased = lease.wait();
  if (leased.status == 200) {
    CHECK(leased.json()["tasks"].empty());
  } else {
    CHECK(refusal(leased) == "503 draining");
  }
  const Response seen = wait.wait();
  CHECK((seen.status == 200 || refusal(seen) == "503 draining"));
  CHECK(running.wait_exit() == 0);
  CHECK(Clock::now() - begin < std::chrono::seconds(20));
}

TEST_CASE("a request in hand when SIGTERM comes is answered") {
  const TempDir folder;
  Server running(on(folder));
  const std::string body = R"({"type":"work"})";
  Connection connection(running.port());
  connection.send(
      "POST /tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
      "application/json\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body.substr(0, 5));
  // It is in hand for certain once the server has answered something that came later.
  CHECK(Client(running.port()).get("/readyz").status == 200);
  running.signal(SIGTERM);
  eventually(
      "the end has begun", [&] { return running.log().find("stopping") != std::string::npos; },
      [](bool begun) { return begun; });
  connection.send(body.substr(5));
  const Response response = connection.receive();
  CHECK((response.status == 202 || refusal(response) == "503 draining"));
  CHECK(running.wait_exit() == 0);
}

TEST_CASE("an idle keep-alive connection does not hold up the end") {
  const TempDir folder;
  Server running(on(folder));
  Client idle(running.port());
  CHECK(idle.get("/healthz").status == 200);
  const Connection silent(running.port());
  const auto begin = Clock::now();
  CHECK(running.terminate() == 0);
  CHECK(Clock::now() - begin < std::chrono::seconds(10));
}

TEST_CASE("what came due while the server was down happens after the next start") {
  const TempDir folder;
  std::optional<Server> running(on(folder));
  std::string delayed;
  std::string expiring;
  std::string silent;
  {
    Client client(running->port());
    const auto submit = [&](const char* queue, Json fields) {
      fields["queue"] = queue;
      fields["type"] = "work";
      return expect(client.post("/tasks", fields), 202)["id"].get<std::string>();
    };
    silent = submit("leased", {{"max_attempts", 1}, {"lease_ms", 1000}});
    expect(client.post("/leases", {{"queues", {"leased"}}}), 200);
    delayed = submit("delayed", {{"delay_ms", 500}});
    expiring = submit("expiring", {{"ttl_ms", 500}});
  }
  running->kill();
  running.emplace(on(folder));
  Client client(running->port());
  CHECK(client.get("/tasks/" + expiring + "?wait_ms=30000").json()["dead_reason"] == "expired");
  const Json dead = client.get("/tasks/" + silent + "?wait_ms=30000").json();
  CHECK(dead["state"] == "dead");
  CHECK(dead["last_error"]["type"] == "lease_expired");
  CHECK(expect(client.post("/leases", {{"queues", {"delayed"}}, {"wait_ms", 30'000}}),
               200)["tasks"][0]["id"] == delayed);
}

TEST_CASE("the order of a large queue survives restarts in the middle of it") {
  const TempDir folder;
  std::optional<Server> running(on(folder));
  const Json task = {{"type", "work"}, {"queue", "long"}};
  std::vector<std::string> expected;
  {
    Client client(running->port());
    for (int i = 0; i < 2; ++i) {
      const Json tasks = {{"tasks", std::vector<Json>(2500, task)}};
      for (const std::string& id :
           ids_of(expect(client.post("/tasks/batch", tasks), 202)["tasks"])) {
        expected.push_back(id);
      }
    }
  }
  std::vector<std::string> leased;
  while (leased.size() < expected.size()) {
    Client client(running->port());
    const Json tasks = expect(
        client.post("/leases", {{"queues", {"long"}}, {"max_tasks", 800}, {"lease_ms", 3'600'000}}),
        200)["tasks"];
    REQUIRE(tasks.size() > 0);
    // The last fifty of every call go back, and must come first in the next.
    Json items = Json::array();
    const bool last = leased.size() + tasks.size() == expected.size();
    const std::size_t kept = last ? tasks.size() : tasks.size() - 50;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      if (i < kept) leased.push_back(tasks[i]["id"]);
      items.push_back({{"op", i < kept ? "complete" : "release"},
                       {"id", tasks[i]["id"]},
                       {"lease_token", tasks[i]["lease"]["token"]}});
    }
    for (const Json& each :
         expect(client.post("/leases/settle", {{"settle", items}}), 200)["settled"]) {
      CHECK_FALSE(each.contains("problem"));
    }
    running->kill();
    running.emplace(on(folder));
  }
  CHECK(leased == expected);
  Client client(running->port());
  CHECK(expect(client.get("/queues/long"), 200)["counts"]["succeeded"] == expected.size());
  CHECK(expect(client.get("/queues/long"), 200)["counts"]["ready"] == 0);
}

TEST_CASE("a repeated complete is 200 after a restart as well") {
  const TempDir folder;
  std::optional<Server> running(on(folder));
  Json leased;
  {
    Client client(running->port());
    expect(client.post("/tasks", {{"type", "work"}}), 202);
    leased = expect(client.post("/leases", {{"queues", {"default"}}}), 200)["tasks"][0];
  }
  const std::string path = "/tasks/" + leased["id"].get<std::string>() + "/complete";
  const Json body = {{"lease_token", leased["lease"]["token"]}, {"result", {1, 2}}};
  const Json completed = expect(Client(running->port()).post(path, body), 200);
  running->kill();
  running.emplace(on(folder));
  Client client(running->port());
  CHECK(expect(client.post(path, body), 200) == completed);
  Json other = body;
  other["result"] = 3;
  CHECK(refusal(client.post(path, other)) == "409 task_finished");
}

}  // namespace
}  // namespace quern::test
