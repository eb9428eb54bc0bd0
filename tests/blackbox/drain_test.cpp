// Draining by POST /admin/drain, on a server of its own: it concerns all queues.
#include <signal.h>

#include <optional>
#include <string>
#include <vector>

#include "steps.h"
#include "support/temp_dir.h"

namespace quern::test {
namespace {

struct Running {
  TempDir folder;
  ServerOptions options{.data = folder.path() / "data", .port = 0, .flags = {}, .environment = {}};
  std::optional<Server> server{std::in_place, options};
  Client client{server->port()};

  void restart() {
    options.port = server->port();
    server.emplace(options);
  }

  Json call(const Response& response, int status) {
    INFO(response.body);
    REQUIRE(response.status == status);
    return status == 204 ? Json() : response.json();
  }
  std::string submit() {
    return call(client.post("/tasks", {{"type", "work"}, {"queue", "q"}}), 202)["id"];
  }
  Json lease() {
    const Json leased = call(client.post("/leases", {{"queues", {"q"}}}), 200)["tasks"];
    REQUIRE(leased.size() == 1);
    return leased[0];
  }
  Response settle(const std::string& verb, const Json& leased, Json fields = Json::object()) {
    fields["lease_token"] = leased["lease"]["token"];
    return client.post("/tasks/" + leased["id"].get<std::string>() + "/" + verb, fields);
  }
  PendingCall pending(const std::string& target, const Json& body) {
    return {server->port(),
            {.method = "POST", .target = target, .headers = {}, .body = body.dump()}};
  }
};

TEST_CASE("a drain takes no tasks and gives out no leases, and what is leased is settled") {
  Running running;
  running.submit();
  running.submit();
  const std::string left = running.submit();
  const Json first = running.lease();
  const Json second = running.lease();

  CHECK(running.call(running.client.post("/admin/drain"), 200) ==
        Json({{"status", "draining"}, {"running", 2}}));
  const Response refused = running.client.post("/tasks", {{"type", "work"}, {"queue", "q"}});
  CHECK(refusal(refused) == "503 draining");
  CHECK(refused.header("Retry-After").has_value());
  CHECK(refusal(running.client.post("/leases", {{"queues", {"q"}}, {"wait_ms", 60'000}})) ==
        "503 draining");
  CHECK(refusal(running.client.get("/readyz")) == "503 draining");
  CHECK(running.client.get("/healthz").status == 200);

  CHECK(running.settle("heartbeat", first).status == 200);
  CHECK(running.call(running.settle("complete", first, {{"result", 7}}), 200)["state"] ==
        "succeeded");
  CHECK(running.call(running.client.post("/admin/drain", {{"wait_ms", 0}}), 200)["running"] == 1);
  CHECK(running.call(running.settle("fail", second, {{"error", {{"type", "t"}}}}), 200)["state"] ==
        "retrying");
  CHECK(running.call(running.client.post("/admin/drain", {{"wait_ms", 60'000}}), 200) ==
        Json({{"status", "drained"}, {"running", 0}}));
  CHECK(running.call(running.client.get("/tasks/" + left), 200)["state"] == "ready");
}

TEST_CASE("a drain that waits is answered when the last task in hand is settled") {
  Running running;
  running.submit();
  const Json leased = running.lease();
  PendingCall drain = running.pending("/admin/drain", {{"wait_ms", 60'000}});
  eventually(
      "the drain has begun", [&] { return running.client.get("/readyz").status; },
      [](int status) { return status == 503; });
  CHECK_FALSE(drain.answered());
  CHECK(running.settle("complete", leased).status == 200);
  CHECK(drain.wait().json() == Json({{"status", "drained"}, {"running", 0}}));
}

TEST_CASE("a drain's wait ends, and says what still runs") {
  Running running;
  running.submit();
  running.lease();
  CHECK(running.call(running.client.post("/admin/drain", {{"wait_ms", 20}}), 200) ==
        Json({{"status", "draining"}, {"running", 1}}));
}

TEST_CASE("long-polls for leases end at once when a drain begins, those for a task go on") {
  Running running;
  const std::string id = running.submit();
  const Json leased = running.lease();
  PendingCall lease = running.pending("/leases", {{"queues", {"q"}}, {"wait_ms", 60'000}});
  PendingCall wait(
      running.server->port(),
      {.method = "GET", .target = "/tasks/" + id + "?wait_ms=60000", .headers = {}, .body = {}});
  CHECK(running.client.get("/readyz").status == 200);  // both are in the server's hands now
  CHECK(running.client.post("/admin/drain").status == 200);
  const Response ended = lease.wait();
  const bool clear =
      ended.status == 200 ? ended.json()["tasks"].empty() : refusal(ended) == "503 draining";
  CHECK(clear);
  CHECK_FALSE(wait.answered());
  CHECK(running.settle("complete", leased).status == 200);
  CHECK(wait.wait().json()["state"] == "succeeded");
}

TEST_CASE("a drain that is taken back leaves a server that works") {
  Running running;
  CHECK(running.client.del("/admin/drain").status == 204);
  CHECK(running.client.post("/admin/drain").status == 200);
  CHECK(running.client.del("/admin/drain").status == 204);
  CHECK(running.client.get("/readyz").status == 200);
  const std::string id = running.submit();
  CHECK(running.lease()["id"] == id);
}

TEST_CASE("drained, ended and started again, nothing is lost and work goes on") {
  Running running;
  for (int i = 0; i < 5; ++i) running.submit();
  const Json done = running.lease();
  const Json kept = running.lease();
  PendingCall drain = running.pending("/admin/drain", {{"wait_ms", 60'000}});
  eventually(
      "the drain has begun", [&] { return running.client.get("/readyz").status; },
      [](int status) { return status == 503; });
  CHECK(running.settle("complete", done, {{"result", {1, 2}}}).status == 200);
  // SIGTERM does not wait for the worker that still holds a task, and answers who waits for the
  // drain.
  running.server->signal(SIGTERM);
  CHECK(drain.wait().json() == Json({{"status", "draining"}, {"running", 1}}));
  CHECK(running.server->wait_exit() == 0);

  running.restart();
  CHECK(running.client.get("/readyz").status == 200);
  // The lease is the worker's, still.
  CHECK(running.settle("complete", kept).status == 200);
  const Json again =
      running.call(running.client.get("/tasks/" + done["id"].get<std::string>()), 200);
  CHECK(again["state"] == "succeeded");
  CHECK(again["result"] == Json({1, 2}));
  CHECK(running.call(running.client.get("/queues/q"), 200)["counts"]["ready"] == 3);
  running.lease();
}

TEST_CASE("a drain takes wait_ms and nothing else") {
  Running running;
  CHECK(refusal(running.client.post("/admin/drain", {{"wait_ms", -1}})) ==
        "400 invalid_argument /wait_ms");
  CHECK(refusal(running.client.post("/admin/drain", {{"wait_ms", 60'001}})) ==
        "400 invalid_argument /wait_ms");
  CHECK(refusal(running.client.post("/admin/drain", {{"wait", 1}})) ==
        "400 invalid_argument /wait");
  CHECK(refusal(running.client.post("/admin/drain?wait_ms=1")) == "400 invalid_argument /wait_ms");
  CHECK(refusal(running.client.get("/admin/drain")) == "405 method_not_allowed");
  CHECK(running.client.get("/readyz").status == 200);
}

}  // namespace
}  // namespace quern::test
