// qctl against the real server: one story from submit to redrive.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

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
