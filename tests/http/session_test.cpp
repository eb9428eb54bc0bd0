// Connections of a real HTTP server over loopback, with an engine that does what the test says.
#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "fake_engine.h"
#include "http/server.h"
#include "support/eventually.h"
#include "support/http_client.h"

using namespace quern;
using namespace quern::test;
using namespace std::literals;

namespace {

// Long enough that nothing runs out by accident.
constexpr http::Timeouts patient{
    .header = 1h, .body = 1h, .idle = 1h, .write_stall = 1h, .linger = 1h, .sweep = 5ms};

http::ServerOptions options_with(const http::Timeouts& timeouts) {
  return {.listen = *http::resolve_listen_address("127.0.0.1:0"),
          .io_threads = 2,
          .timeouts = timeouts,
          .info = {.version = "1.2.3", .durability = "fsync"},
          .now = [] { return Timestamp{1'000'000}; }};
}

struct Running {
  FakeEngine engine;
  std::unique_ptr<http::Server> server;
  std::uint16_t port = 0;

  explicit Running(const http::Timeouts& timeouts = patient) : Running(options_with(timeouts)) {}
  explicit Running(const http::ServerOptions& options) {
    server = *http::Server::listen(options, engine);
    engine.connect(*server);
    server->start();
    const std::string url = server->url();
    port = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
  }
  ~Running() { server->stop(); }

  void wait_for_sessions(std::size_t count) const {
    eventually(
        "the connections are gone", [&] { return server->session_count(); },
        [&](std::size_t seen) { return seen == count; });
  }
};

std::string message(const std::string& start, const std::string& body = "",
                    const std::string& fields = "") {
  const std::string described =
      body.empty()
          ? ""
          : "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\n";
  return start + " HTTP/1.1\r\nHost: localhost\r\n" + described + fields + "\r\n" + body;
}

engine::Leased leased_task() {
  engine::Leased leased;
  leased.tasks.push_back(some_task(TaskState::running));
  return leased;
}

// The answer to a lease call on `connection` is more than sockets buffer.
void give_large_lease(Running& running, Connection& connection) {
  connection.send(message("POST /leases", R"({"queues":["q"]})"));
  engine::Ticket ticket = 0;
  running.engine.next_of<engine::Lease>(&ticket);
  engine::Leased leased = leased_task();
  auto body = std::make_shared<record::TaskBody>(*leased.tasks[0].body);
  body->set_payload('"' + std::string(std::size_t{64} << 20, 'x') + '"');
  leased.tasks[0].body = std::move(body);
  running.engine.reply(ticket, std::move(leased));
}

const std::string lease_and_wait = message("POST /leases", R"({"queues":["q"],"wait_ms":60000})");

}  // namespace

TEST_CASE("a command's answer comes back on the connection that asked") {
  Running running;
  Connection one(running.port);
  Connection two(running.port);
  one.send(message("POST /tasks", R"({"type":"one"})"));
  engine::Ticket first = 0;
  CHECK(running.engine.next_of<engine::Submit>(&first).tasks[0].body->type() == "one");
  two.send(message("POST /tasks", R"({"type":"two"})"));
  engine::Ticket second = 0;
  CHECK(running.engine.next_of<engine::Submit>(&second).tasks[0].body->type() == "two");

  engine::Submitted submitted;
  submitted.tasks.push_back(some_task());
  submitted.replayed = true;
  running.engine.reply(second, submitted);
  const Response replayed = two.receive();
  CHECK(replayed.status == 202);
  CHECK(replayed.header("Location") == "/tasks/0198c0de-0000-7abc-8123-456789abcdef");
  CHECK(replayed.header("Idempotency-Replayed") == "true");
  CHECK(replayed.json().at("type") == "t");

  running.engine.reply(first, Error{.code = ErrorCode::queue_full, .detail = "full"});
  const Response full = one.receive();
  CHECK(full.status == 429);
  CHECK(full.header("Retry-After") == "1");
  CHECK(full.header("Content-Type") == "application/problem+json");
}

TEST_CASE("requests sent without waiting are answered in order") {
  Running running;
  Connection connection(running.port);
  connection.send(message("POST /queues/a/pause") + message("GET /healthz") +
                  message("HEAD /healthz") + message("POST /queues/b/pause") +
                  message("DELETE /queues/c"));
  for (const std::string name : {"a", "b"}) {
    engine::Ticket ticket = 0;
    CHECK(running.engine.next_of<engine::PauseQueue>(&ticket).name == name);
    CHECK(running.engine.idle());
    running.engine.reply(ticket, engine::OneQueue{.queue = {.name = name}});
    CHECK(connection.receive().json().at("name") == name);
    if (name == "a") {
      CHECK(connection.receive().body == R"({"status":"alive"})");
      const Response head = connection.receive(true);
      CHECK(head.header("Content-Length") == "18");
    }
  }
  engine::Ticket ticket = 0;
  running.engine.next_of<engine::DeleteQueue>(&ticket);
  running.engine.reply(ticket, engine::Done{});
  CHECK(connection.receive().status == 204);
}

TEST_CASE("a request may come in any pieces") {
  Running running;
  const std::string large(200'000, 'x');
  const std::string body = R"({"type":"t","payload":")" + large + "\"}";
  const std::string whole = message("POST /tasks", body);
  for (const std::size_t step : {std::size_t{1'000}, std::size_t{70'000}, whole.size()}) {
    Connection connection(running.port);
    for (std::size_t at = 0; at < whole.size(); at += step) {
      connection.send(std::string_view(whole).substr(at, step));
    }
    engine::Ticket ticket = 0;
    const auto submit = running.engine.next_of<engine::Submit>(&ticket);
    CHECK(submit.tasks[0].body->payload().size() == large.size() + 2);
    running.engine.reply(ticket, Error{.code = ErrorCode::queue_full, .detail = "full"});
    CHECK(connection.receive().status == 429);
    connection.send(message("GET /healthz"));
    CHECK(connection.receive().status == 200);
  }
}

TEST_CASE("a chunked body is taken, and the connection goes on behind it") {
  Running running;
  Connection connection(running.port);
  const std::string fields = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
  connection.send(message("POST /tasks", "", fields) +
                  "8\r\n{\"type\":\r\n4\r\n\"t\"}\r\n0\r\n\r\n" + message("GET /healthz"));
  engine::Ticket ticket = 0;
  CHECK(running.engine.next_of<engine::Submit>(&ticket).tasks[0].body->type() == "t");
  running.engine.reply(ticket, Error{.code = ErrorCode::queue_full, .detail = "full"});
  CHECK(connection.receive().status == 429);
  CHECK(connection.receive().status == 200);

  connection.send(message("POST /tasks", "", fields) + "2\r\n{}\r\n0\r\nX: y\r\n\r\n");
  CHECK(connection.receive().status == 400);
  CHECK(connection.closed_by_server());
}

TEST_CASE("what cannot be told apart from the next request ends the connection") {
  Running running;
  for (const std::string& bytes :
       {"GET / HTTP/1.1\nHost: x\n\n"s, message("POST /tasks", "", "Content-Length: 1, 1\r\n"),
        message("POST /tasks", "", "Transfer-Encoding: gzip, chunked\r\n"),
        message("GET /healthz", "", "X: " + std::string(20'000, 'x') + "\r\n")}) {
    CAPTURE(bytes);
    Connection connection(running.port);
    connection.send(bytes + message("GET /healthz"));
    const Response response = connection.receive();
    CHECK(response.status >= 400);
    CHECK(response.header("Connection") == "close");
    CHECK(response.header("X-Request-ID"));
    CHECK(connection.closed_by_server());
  }
}

TEST_CASE("a refused request leaves the connection usable when its body is here") {
  Running running;
  Connection connection(running.port);
  connection.send(message("POST /nothing", "{}") + message("GET /healthz"));
  CHECK(connection.receive().status == 404);
  CHECK(connection.receive().status == 200);
  const Response wrong = (connection.send(message("PUT /tasks", "{}")), connection.receive());
  CHECK(wrong.status == 405);
  CHECK(wrong.header("Allow") == "POST, GET, HEAD");
}

TEST_CASE("a body that is too large is refused before it is sent") {
  Running running;
  Connection connection(running.port);
  connection.send(message("POST /tasks", "",
                          "Content-Type: application/json\r\nContent-Length: 99999999\r\n"
                          "Expect: 100-continue\r\n"));
  const Response refused = connection.receive();
  CHECK(refused.status == 413);
  CHECK(refused.header("Connection") == "close");
}

TEST_CASE("a client that asks first is told to go on") {
  Running running;
  Connection connection(running.port);
  const std::string body = R"({"type":"t"})";
  connection.send(message("POST /tasks", "",
                          "Content-Type: application/json\r\nContent-Length: 12\r\n"
                          "Expect: 100-continue\r\n"));
  CHECK(connection.receive(true).status == 100);
  connection.send(body);
  engine::Ticket ticket = 0;
  running.engine.next_of<engine::Submit>(&ticket);
  running.engine.reply(ticket, Error{.code = ErrorCode::queue_full, .detail = "full"});
  CHECK(connection.receive().status == 429);
}

TEST_CASE("the client's request id comes back, if it is one") {
  Running running;
  Connection connection(running.port);
  const auto id_for = [&](const std::string& given) {
    connection.send(
        message("GET /healthz", "", given.empty() ? "" : "X-Request-ID: " + given + "\r\n"));
    return *connection.receive().header("X-Request-ID");
  };
  CHECK(id_for("abc<>!") == "abc<>!");
  CHECK(id_for(std::string(128, 'a')) == std::string(128, 'a'));
  const std::string first = id_for("");
  CHECK(first.size() == 16);
  CHECK(id_for("") != first);
  CHECK(id_for(std::string(129, 'a')).size() == 16);
  CHECK(id_for("a b").size() == 16);
}

TEST_CASE("an HTTP/1.0 connection closes unless asked to stay") {
  Running running;
  Connection once(running.port);
  once.send("GET /healthz HTTP/1.0\r\n\r\n");
  CHECK(once.receive().header("Connection") == "close");
  CHECK(once.closed_by_server());
  Connection more(running.port);
  more.send("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(more.receive().header("Connection") == "keep-alive");
  more.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  CHECK(more.receive().header("Connection") == "close");
  CHECK(more.closed_by_server());
}

TEST_CASE("a client that goes while it waits is given up, and what it was given goes back") {
  Running running;
  Connection connection(running.port);
  connection.send(lease_and_wait);
  engine::Ticket ticket = 0;
  running.engine.next_of<engine::Lease>(&ticket);
  connection.close();
  CHECK(running.engine.next_of<engine::Abandon>().ticket == ticket);
  running.wait_for_sessions(0);

  // The engine had granted it before it heard.
  running.engine.reply(ticket, leased_task());
  const auto undelivered = running.engine.next_of<engine::Undelivered>();
  REQUIRE(undelivered.leases.size() == 1);
  CHECK(undelivered.leases[0].token == std::string(16, 'x'));
}

TEST_CASE("a client that goes behind further requests is noticed too") {
  Running running;
  Connection connection(running.port);
  connection.send(lease_and_wait + message("GET /healthz"));
  engine::Ticket ticket = 0;
  running.engine.next_of<engine::Lease>(&ticket);
  connection.send(message("GET /healthz"));
  connection.close();
  CHECK(running.engine.next_of<engine::Abandon>().ticket == ticket);
}

TEST_CASE("requests sent during a wait are answered after it") {
  Running running;
  Connection connection(running.port);
  for (int round = 0; round < 3; ++round) {
    connection.send(lease_and_wait);
    engine::Ticket ticket = 0;
    running.engine.next_of<engine::Lease>(&ticket);
    connection.send(message("GET /healthz"));
    running.engine.reply(ticket, leased_task());
    CHECK(connection.receive().json().at("tasks").size() == 1);
    CHECK(connection.receive().body == R"({"status":"alive"})");
  }
  CHECK(running.engine.idle());
}

TEST_CASE("a lease that does not wait goes back as well when its client is gone") {
  Running running;
  Connection connection(running.port);
  connection.send(message("POST /leases", R"({"queues":["q"]})"));
  engine::Ticket ticket = 0;
  running.engine.next_of<engine::Lease>(&ticket);
  connection.close();
  running.engine.reply(ticket, leased_task());
  CHECK(running.engine.next_of<engine::Undelivered>().leases.size() == 1);
}

TEST_CASE("a header that takes too long is 408, a silent connection just closes") {
  http::Timeouts timeouts = patient;
  timeouts.header = 20ms;
  timeouts.idle = 20ms;
  timeouts.linger = 20ms;
  Running running(timeouts);
  Connection slow(running.port);
  slow.send("GET /healthz HTTP/1.1\r\nHost:");
  CHECK(slow.receive().status == 408);
  CHECK(slow.closed_by_server());
  Connection silent(running.port);
  CHECK(silent.closed_by_server());
}

TEST_CASE("a body that takes too long is 408") {
  http::Timeouts timeouts = patient;
  timeouts.body = 20ms;
  Running running(timeouts);
  for (const std::string fields : {"Content-Length: 12\r\n", "Transfer-Encoding: chunked\r\n"}) {
    Connection connection(running.port);
    connection.send(message("POST /tasks", "", "Content-Type: application/json\r\n" + fields));
    CHECK(connection.receive().status == 408);
    CHECK(connection.closed_by_server());
  }
}

TEST_CASE("a client that does not take its answer is cut off") {
  http::Timeouts timeouts = patient;
  timeouts.write_stall = 20ms;
  Running running(timeouts);
  Connection connection(running.port);
  give_large_lease(running, connection);
  CHECK(running.engine.next_of<engine::Undelivered>().leases.size() == 1);
  running.wait_for_sessions(0);
}

TEST_CASE("answers that nobody takes share a bounded amount of memory, and leases go back") {
  http::ServerOptions options = options_with(patient);
  options.answer_memory_bytes_max = 1'000'000;
  Running running(options);
  Connection connection(running.port);
  give_large_lease(running, connection);
  CHECK(running.engine.next_of<engine::Undelivered>().leases.size() == 1);
  running.wait_for_sessions(0);
  // There is room again for whoever reads.
  Connection reader(running.port);
  reader.send(message("GET /healthz"));
  CHECK(reader.receive().status == 200);
}

TEST_CASE("a failed engine answers everyone who waits") {
  Running running;
  Connection one(running.port);
  Connection two(running.port);
  one.send(lease_and_wait);
  running.engine.next();
  two.send(message("POST /tasks", R"({"type":"t"})"));
  running.engine.next();
  running.engine.fail_all(Error{.code = ErrorCode::store_unavailable, .detail = "unknown"});
  CHECK(one.receive().status == 503);
  CHECK(two.receive().json().at("code") == "store_unavailable");
  CHECK(running.engine.idle());

  running.engine.refuse(Error{.code = ErrorCode::recovering, .detail = "soon"});
  one.send(message("POST /tasks", R"({"type":"t"})"));
  CHECK(one.receive().json().at("code") == "recovering");
  running.engine.lose_store();
  one.send(message("GET /tasks/0198c0de-0000-7abc-8123-456789abcdef"));
  CHECK(one.receive().json().at("code") == "recovering");
}

TEST_CASE("health says what the engine says") {
  Running running;
  Client client(running.port);
  CHECK(client.get("/healthz").status == 200);
  CHECK(client.get("/readyz").status == 200);
  running.engine.set_health({.readiness = server::Readiness::recovering, .reason = "disk is gone"});
  const Response response = client.get("/readyz");
  CHECK(response.status == 503);
  CHECK(response.json().at("detail") == "disk is gone");
  CHECK(client.get("/healthz").status == 200);
  const Json info = client.get("/info").json();
  CHECK(info.at("version") == "1.2.3");
  CHECK(info.at("limits").at("payload_bytes_max") == 1048576);
  CHECK(client.get("/info?x=1").json().at("errors").at(0).at("pointer") == "/x");
}

TEST_CASE("a drain answers what is in hand, and closes what is not") {
  Running running;
  Connection idle(running.port);
  idle.send(message("GET /healthz"));
  idle.receive();
  Connection busy(running.port);
  busy.send(message("POST /tasks", R"({"type":"t"})"));
  engine::Ticket ticket = 0;
  running.engine.next_of<engine::Submit>(&ticket);

  running.server->drain();
  CHECK(idle.closed_by_server());
  running.engine.reply(ticket, Error{.code = ErrorCode::draining, .detail = "later"});
  const Response response = busy.receive();
  CHECK(response.status == 503);
  CHECK(response.header("Connection") == "close");
  CHECK(busy.closed_by_server());
  busy.close();
  running.wait_for_sessions(0);

  Connection late(running.port);
  late.send(message("GET /healthz"));
  CHECK(late.receive().header("Connection") == "close");
  CHECK(late.closed_by_server());
}

TEST_CASE("stopping cuts off those who still wait") {
  auto running = std::make_unique<Running>();
  Connection waiting(running->port);
  waiting.send(lease_and_wait);
  running->engine.next();
  Connection half(running->port);
  half.send("GET /hea");
  running->server->stop();
  CHECK(running->server->session_count() == 0);
  CHECK(waiting.closed_by_server());
}

TEST_CASE("more connections than allowed are turned away with a reason") {
  http::ServerOptions options = options_with(patient);
  options.io_threads = 1;
  options.connections_max = 1;
  Running running(options);
  Connection first(running.port);
  first.send(message("GET /healthz"));
  first.receive();
  Connection second(running.port);
  const Response response = second.receive();
  CHECK(response.status == 503);
  CHECK(response.json().at("code") == "overloaded");
  CHECK(second.closed_by_server());
}

TEST_CASE("large bodies under way share a bounded amount of memory") {
  http::ServerOptions options = options_with(patient);
  options.body_memory_bytes_max = 100'000;
  Running running(options);
  Connection connection(running.port);
  connection.send(
      message("POST /tasks", "", "Content-Type: application/json\r\nContent-Length: 1000000\r\n") +
      std::string(100'000, ' '));
  const Response response = connection.receive();
  CHECK(response.status == 503);
  CHECK(response.json().at("code") == "overloaded");
}
