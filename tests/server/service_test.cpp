// HTTP, commit loop and engine together, on a disk in memory and a clock that the test moves.
#include <doctest/doctest.h>

#include <memory>

#include "http/server.h"
#include "stage.h"
#include "support/http_client.h"

using namespace quern;
using namespace quern::test;

namespace {

struct Service {
  Stage stage;
  std::unique_ptr<http::Server> server;
  std::uint16_t port = 0;

  Service() {
    server = *http::Server::listen({.listen = *http::resolve_listen_address("127.0.0.1:0"),
                                    .now = [this] { return stage.clock.now().wall; }},
                                   *stage.loop);
    const std::string url = server->url();
    port = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
    stage.loop->start(*server);
    server->start();
  }
  ~Service() { server->stop(); }

  void advance(Duration by) {
    stage.clock.advance(by);
    stage.loop->wake();
  }
};

Json settle(const Json& leased, const std::string& op, Json fields = Json::object()) {
  fields["op"] = op;
  fields["id"] = leased.at("id");
  fields["lease_token"] = leased.at("lease").at("token");
  return fields;
}

}  // namespace

TEST_CASE("a task's life over HTTP: submitted, leased, failed, retried, completed, read") {
  Service service;
  Client client(service.port);
  const Response submitted =
      client.post_text("/tasks", R"({"queue":"docs","type":"index","payload": {"n": 1.50} })",
                       {{"X-Correlation-ID", "c1"}});
  CHECK(submitted.status == 202);
  const std::string path = *submitted.header("Location");
  CHECK(client.get(path).body.find(R"("payload":{"n": 1.50})") != std::string::npos);

  const Json lease_body = {{"queues", {"docs"}}, {"worker_id", "w1"}};
  const Json first = client.post("/leases", lease_body).json().at("tasks").at(0);
  const Response failed =
      client.post(path + "/fail", {{"lease_token", first.at("lease").at("token")},
                                   {"error", {{"type", "Oops"}, {"message", "m"}}}});
  CHECK(failed.status == 200);
  CHECK(failed.json().at("state") == "retrying");

  PendingCall poll(
      service.port,
      {.method = "POST", .target = "/leases", .body = R"({"queues":["docs"],"wait_ms":60000})"});
  // The retry waits for its backoff, and the worker for the retry: two seconds by default.
  service.advance(Duration{2'000});
  const Json second = poll.wait().json().at("tasks").at(0);
  CHECK(second.at("attempts") == 2);
  CHECK(second.at("last_error").at("type") == "Oops");

  PendingCall wait(service.port, {.method = "GET", .target = path + "?wait_ms=60000"});
  const Response settled =
      client.post("/leases/settle", {{"settle", {settle(second, "complete", {{"result", 42}})}}});
  CHECK(settled.json().at("settled").at(0).at("state") == "succeeded");
  CHECK(wait.wait().json().at("result") == 42);
  CHECK(client.get("/tasks?correlation_id=c1").json().at("tasks").size() == 1);
  CHECK(client.get("/queues/docs").json().at("counts").at("succeeded") == 1);
}

TEST_CASE("a worker that vanishes while it waits leaves the task to the next") {
  Service service;
  Client client(service.port);
  const std::string waiting = R"({"queues":["q"],"wait_ms":60000})";
  PendingCall gone(service.port, {.method = "POST", .target = "/leases", .body = waiting});
  PendingCall there(service.port, {.method = "POST", .target = "/leases", .body = waiting});
  gone.abandon();
  CHECK(client.post("/tasks", {{"queue", "q"}, {"type", "t"}}).status == 202);
  const Json task = there.wait().json().at("tasks").at(0);
  CHECK(task.at("attempts") == 1);
}

TEST_CASE("a failing disk is said aloud, and healed from") {
  Service service;
  Client client(service.port);
  const Json task = {{"queue", "q"}, {"type", "t"}};
  CHECK(client.post("/tasks", task).status == 202);
  service.stage.opens_to_fail = 3;
  service.stage.store.load()->fail_next_commit(storage::MemoryStore::Fault::fail_unapplied);
  const Response failed = client.post("/tasks", task);
  CHECK(failed.status == 503);
  CHECK(failed.json().at("code") == "store_unavailable");
  CHECK(failed.header("Retry-After"));
  service.stage.await_readiness(server::Readiness::ready);
  CHECK(client.get("/readyz").status == 200);
  CHECK(client.get("/queues/q").json().at("counts").at("ready") == 1);
}
