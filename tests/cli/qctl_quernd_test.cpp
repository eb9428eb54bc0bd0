// qctl against the real server: one story from submit to redrive.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "quern/client.h"
#include "run_qctl.h"
#include "support/server.h"
#include "support/temp_dir.h"

using nlohmann::json;
using quern::test::QctlResult;

TEST_CASE("a task is submitted, found dead, and given another life from the command line") {
  const quern::test::TempDir dir;
  const quern::test::Server server(quern::test::ServerOptions{.data = dir.path()});
  const std::string url = "http://127.0.0.1:" + std::to_string(server.port());
  const auto qctl = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--server", url});
    QctlResult result = quern::test::run_qctl(arguments);
    INFO(result.err);
    CHECK(result.status == 0);
    return result.out;
  };

  CHECK(qctl({"queues"}) == "No queues yet: the first task makes one.\n");
  const json queue = json::parse(qctl({"queue", "set", "emails", "--max-attempts", "1", "--json"}));
  CHECK(queue["max_attempts"] == 1);

  std::string id = qctl({"submit", "send", R"({"to": 1e400})", "--queue", "emails", "--key", "k"});
  id.pop_back();
  CHECK(qctl({"submit", "send", R"({"to": 1e400})", "--queue", "emails", "--key", "k"}) ==
        id + "\n");
  CHECK(qctl({"get", id}).find("{\"to\": 1e400}") != std::string::npos);
  CHECK(qctl({"list", "--queue", "emails", "--state", "ready"}).find(id) != std::string::npos);

  quern::Client client({.server = url});
  client.fail(client.lease({.queues = {"emails"}}).tasks.at(0), {.type = "Smtp", .message = "no"});
  const std::string dead = qctl({"dead", "list", "emails"});
  CHECK(dead.find("max_attempts") != std::string::npos);
  CHECK(dead.find("Smtp: no") != std::string::npos);
  CHECK(qctl({"redrive", "emails", "--error-type", "Smtp"}) == "Redriven 1 task\n");
  CHECK(json::parse(qctl({"queues", "--json"}))["counts"]["ready"] == 1);

  CHECK(json::parse(qctl({"queue", "pause", "emails", "--json"}))["paused"] == true);
  CHECK(json::parse(qctl({"queue", "resume", "emails", "--json"}))["paused"] == false);
  client.complete(client.lease({.queues = {"emails"}}).tasks.at(0), "[1]");
  CHECK(qctl({"wait", id, "--json"}).find(R"("result":[1])") != std::string::npos);
  CHECK(qctl({"doctor"}).find("1 queues, 1 tasks") != std::string::npos);
  CHECK(qctl({"doctor"}).ends_with("sound\n"));
  CHECK(json::parse(qctl({"doctor", "--json"}))["sound"] == true);
  CHECK(quern::test::run_qctl({"cancel", id, "--server", url}).status == 1);
  CHECK(quern::test::run_qctl({"get", "nonsense", "--server", url}).status == 3);
}

TEST_CASE("a server is backed up, drained, lost and brought back from the command line") {
  const quern::test::TempDir dir;
  const std::string backups = (dir.path() / "backups").string();
  std::optional<quern::test::Server> server;
  const auto start = [&](const char* data) {
    server.emplace(quern::test::ServerOptions{.data = dir.path() / data,
                                              .flags = {"--backup-directory", backups}});
  };
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(),
                     {"--server", "http://127.0.0.1:" + std::to_string(server->port())});
    return quern::test::run_qctl(arguments);
  };
  const auto qctl = [&](const std::vector<std::string>& arguments) {
    const QctlResult result = run(arguments);
    INFO(result.err);
    CHECK(result.status == 0);
    return result.out;
  };
  start("data");
  CHECK(qctl({"backup", "list"}) == "No backups yet: qctl backup create makes one.\n");
  CHECK(run({"backup", "verify"}).status == 3);
  std::string id = qctl({"submit", "send", "--queue", "emails"});
  id.pop_back();
  CHECK(qctl({"backup", "create"}).starts_with("Made backup 1: "));
  CHECK(json::parse(qctl({"backup", "list", "--json"}))["id"] == 1);
  CHECK(qctl({"backup", "list"}).find("1  20") != std::string::npos);
  CHECK(qctl({"backup", "verify"}) == "Backup 1 is sound\n");
  CHECK(json::parse(qctl({"backup", "verify", "1", "--json"}))["sound"] == true);
  CHECK(run({"backup", "verify", "7"}).status == 3);

  // Nobody is there to be asked.
  const QctlResult unasked = run({"drain"});
  CHECK(unasked.status == 2);
  CHECK(unasked.err.find("--yes") != std::string::npos);
  CHECK(qctl({"drain", "--yes"}) == "Drained: no task is running\n");
  CHECK(run({"submit", "send", "--queue", "emails"}).status == 1);
  CHECK(qctl({"drain", "--end"}) == "The server takes tasks and gives out leases again\n");
  quern::Client client({.server = "http://127.0.0.1:" + std::to_string(server->port())});
  client.lease({.queues = {"emails"}});
  const QctlResult busy = run({"drain", "--yes", "--wait", "10ms"});
  CHECK(busy.status == 5);
  CHECK(busy.out == "Draining: 1 task is running\n");
  CHECK(json::parse(qctl({"drain", "--yes", "--json"})) ==
        json({{"status", "draining"}, {"running", 1}}));

  server.reset();
  std::filesystem::remove_all(dir.path() / "data");
  const QctlResult listed = quern::test::run_qctl({"backup", "list", "--from", backups, "--json"});
  CHECK(json::parse(listed.out)["id"] == 1);
  CHECK(quern::test::run_qctl({"backup", "verify", "--from", backups}).out == "backup 1: sound\n");
  const std::vector<std::string> restore = {"backup", "restore", "--from",
                                            backups,  "--data",  (dir.path() / "again").string()};
  const QctlResult restored = quern::test::run_qctl(restore);
  INFO(restored.err);
  CHECK(restored.status == 0);
  CHECK(restored.out.starts_with("restored backup 1 of "));
  CHECK(quern::test::run_qctl(restore).status == 1);
  start("again");
  CHECK(json::parse(qctl({"get", id, "--json"}))["state"] == "ready");
  CHECK(qctl({"backup", "create"}).starts_with("Made backup 2: "));
}
