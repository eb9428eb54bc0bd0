// The limits of section 1: sizes and times.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "steps.h"
#include "support/temp_dir.h"

namespace quern::test {
namespace {

constexpr std::size_t mebibyte = 1024 * 1024;
constexpr std::size_t body_max = 16 * mebibyte;

std::string host() { return "Host: 127.0.0.1:" + std::to_string(server().port()) + "\r\n"; }

std::string head(const std::string& target, const std::string& headers) {
  return "POST " + target + " HTTP/1.1\r\n" + host() + "Content-Type: application/json\r\n" +
         headers + "\r\n";
}

// A server that has refused a body may close before all of it was sent.
void send_what_is_taken(Connection& connection, const std::string& bytes) {
  try {
    connection.send(bytes);
  } catch (const ConnectionLost&) {
  }
}

TEST_CASE("a request body may have 16 MiB") {
  const std::string queue = fresh_queue();
  std::string body = R"({"tasks":[)";
  for (int i = 0; i < 16; ++i) {
    body += (i == 0 ? "" : ",") + (R"({"type":"work","queue":")" + queue + R"(","payload":")") +
            std::string(mebibyte - 100, 'a') + "\"}";
  }
  body += "]}";
  REQUIRE(body.size() <= body_max);
  body.resize(body_max, ' ');
  CHECK(api().post_text("/tasks/batch", body).status == 202);
  CHECK(counts(queue) == Json{{"ready", 16}});
}

TEST_CASE("a longer body is 413 before it is read when its length is known") {
  const Exchange exchange = exchange_bytes(
      head("/tasks/batch", "Content-Length: " + std::to_string(body_max + 1) + "\r\n"));
  CHECK(refusal(exchange.response) == "413 payload_too_large");
  CHECK(exchange.closed);
}

TEST_CASE("a longer chunked body is 413 when the limit is reached") {
  Connection connection(server().port());
  connection.send(head("/tasks/batch", "Transfer-Encoding: chunked\r\n"));
  const std::string chunk = "100000\r\n" + std::string(mebibyte, ' ') + "\r\n";
  for (int i = 0; i < 17 && !connection.readable(); ++i) send_what_is_taken(connection, chunk);
  CHECK(refusal(connection.receive()) == "413 payload_too_large");
  CHECK(connection.closed_by_server());
}

TEST_CASE("a header block over 16 KiB is 431, one below is fine") {
  CHECK(api().get("/healthz", {{"X-Filler", std::string(15'000, 'a')}}).status == 200);
  const Exchange exchange = exchange_bytes("GET /healthz HTTP/1.1\r\n" + host() +
                                           "X-Filler: " + std::string(17 * 1024, 'a') + "\r\n\r\n");
  CHECK(refusal(exchange.response) == "431 headers_too_large");
  CHECK(exchange.closed);
  std::string many;
  for (int i = 0; i < 2000; ++i) many += "X-" + std::to_string(i) + ": value\r\n";
  CHECK(exchange_bytes("GET /healthz HTTP/1.1\r\n" + host() + many + "\r\n").response.status ==
        431);
}

TEST_CASE("a target over 8 KiB is 414, one below is fine") {
  CHECK(refusal(api().get("/" + std::string(8000, 'a'))) == "404 not_found");
  CHECK(refusal(
            exchange_bytes("GET /" + std::string(8 * 1024, 'a') + " HTTP/1.1\r\n" + host() + "\r\n")
                .response) == "414 uri_too_long");
  CHECK(refusal(exchange_bytes("GET /tasks?queue=" + std::string(9000, 'a') + " HTTP/1.1\r\n" +
                               host() + "\r\n")
                    .response) == "414 uri_too_long");
}

TEST_CASE(
    "a header block that is not complete 10 s after its first byte is 408, a long-poll goes on") {
  const auto parked_at = Clock::now();
  PendingCall parked(server().port(),
                     {.method = "POST",
                      .target = "/leases",
                      .headers = {},
                      .body = Json{{"queues", {fresh_queue()}}, {"wait_ms", 12'000}}.dump()});
  Connection silent(server().port());
  silent.send("GET /healthz HTTP/1.1\r\n");
  Connection slow(server().port());
  const auto begin = Clock::now();
  slow.send("GET /healthz HTTP/1.1\r\nX-Slow: ");
  // A byte now and then does not buy more time.
  eventually(
      "the slow client is refused",
      [&] {
        if (!slow.readable()) send_what_is_taken(slow, "a");
        return slow.readable();
      },
      [](bool refused) { return refused; });
  CHECK(Clock::now() - begin >= std::chrono::milliseconds(9900));
  CHECK(Clock::now() - begin < std::chrono::seconds(20));
  CHECK(slow.receive().status == 408);
  CHECK(refusal(silent.receive()) == "408 request_timeout");
  CHECK(silent.closed_by_server());

  const Response nothing = parked.wait();
  CHECK(nothing.status == 200);
  CHECK(nothing.json()["tasks"].empty());
  CHECK(Clock::now() - parked_at >= std::chrono::seconds(12) - clock_tick);
}

// A minute and more of waiting: only where QUERN_TEST_SLOW is set.
TEST_CASE(
    "a body that is not complete after 60 s is 408, and an idle connection closes after 75 s" *
    doctest::skip(std::getenv("QUERN_TEST_SLOW") == nullptr)) {
  const auto begin = Clock::now();
  Connection idle(server().port());
  idle.send("GET /healthz HTTP/1.1\r\n" + host() + "\r\n");
  REQUIRE(idle.receive().status == 200);
  Connection unused(server().port());
  Connection slow(server().port());
  slow.send(head("/tasks", "Content-Length: 1000000\r\n"));
  while (!slow.readable()) {
    REQUIRE(Clock::now() - begin < std::chrono::seconds(70));
    send_what_is_taken(slow, " ");
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  CHECK(Clock::now() - begin >= std::chrono::milliseconds(59'900));
  CHECK(refusal(slow.receive()) == "408 request_timeout");
  CHECK(idle.closed_by_server(std::chrono::seconds(60)));
  CHECK(Clock::now() - begin >= std::chrono::milliseconds(74'900));
  CHECK(Clock::now() - begin < std::chrono::seconds(85));
  CHECK(unused.closed_by_server(std::chrono::seconds(60)));
}

TEST_CASE("many connections that say nothing keep nobody else waiting") {
  std::vector<Connection> silent;
  for (int i = 0; i < 500; ++i) silent.emplace_back(server().port());
  std::vector<PendingCall> parked;
  for (int i = 0; i < 100; ++i) {
    parked.emplace_back(server().port(),
                        Request{.method = "POST",
                                .target = "/leases",
                                .headers = {},
                                .body = Json{{"queues", {"nobody"}}, {"wait_ms", 60'000}}.dump()});
  }
  const std::string queue = fresh_queue();
  submit(queue);
  CHECK(complete(lease_one(queue))["state"] == "succeeded");
  for (PendingCall& call : parked) call.abandon();
}

TEST_CASE("of many who wait, one task wakes one") {
  const std::string queue = fresh_queue();
  std::vector<PendingCall> parked;
  for (int i = 0; i < 200; ++i) {
    parked.emplace_back(server().port(),
                        Request{.method = "POST",
                                .target = "/leases",
                                .headers = {},
                                .body = Json{{"queues", {queue}}, {"wait_ms", 60'000}}.dump()});
  }
  std::vector<std::string> given;
  const auto take_answers = [&] {
    std::size_t count = 0;
    for (PendingCall& call : parked) {
      if (!call.answered()) continue;
      for (const std::string& id : ids_of(call.wait().json()["tasks"])) given.push_back(id);
      call.abandon();
      ++count;
    }
    std::erase_if(parked, [](const PendingCall& call) { return !call.open(); });
    return count;
  };
  std::vector<std::string> submitted;
  for (std::size_t i = 1; !parked.empty(); ++i) {
    submitted.push_back(submit(queue)["id"]);
    // As many answers as tasks, and each with one: nobody was woken for nothing.
    eventually(
        "somebody has it", [&] { return take_answers(); },
        [](std::size_t count) { return count == 1; });
    CHECK(given.size() == i);
  }
  std::sort(given.begin(), given.end());
  std::sort(submitted.begin(), submitted.end());
  CHECK(given == submitted);
}

TEST_CASE("answers far larger than a socket's buffer arrive whole, even if read late") {
  const std::string queue = fresh_queue();
  std::vector<Json> tasks(
      12, Json{{"queue", queue}, {"type", "work"}, {"payload", std::string(mebibyte - 100, 'x')}});
  submit_batch(tasks);
  PendingCall late(server().port(), {.method = "POST",
                                     .target = "/leases",
                                     .headers = {},
                                     .body = Json{{"queues", {queue}}, {"max_tasks", 12}}.dump()});
  eventually(
      "the answer has begun", [&] { return late.answered(); },
      [](bool answered) { return answered; });
  CHECK(api().get("/healthz").status == 200);
  const Json leased = late.wait().json()["tasks"];
  REQUIRE(leased.size() == 12);
  for (const Json& each : leased)
    CHECK(each["payload"].get<std::string>().size() == mebibyte - 100);
}

// --- Every limit is a setting

class Limited {
 public:
  explicit Limited(std::vector<std::string> flags)
      : server_({.data = folder_.path() / "data",
                 .port = 0,
                 .flags = std::move(flags),
                 .environment = {}}) {}

  Client client() const { return Client(server_.port()); }
  std::uint16_t port() const { return server_.port(); }

 private:
  TempDir folder_;
  Server server_;
};

TEST_CASE("limits can be set, and info says to what") {
  const Limited limited({"--body-bytes-max=4096", "--payload-bytes-max=100",
                         "--header-bytes-max=1024", "--target-bytes-max=300", "--batch-tasks-max=2",
                         "--lease-tasks-max=3", "--wait-ms-max=50"});
  Client client = limited.client();
  CHECK(refusal(client.post_text("/tasks", std::string(4097, ' '))) == "413 payload_too_large");
  CHECK(client.post("/tasks", {{"type", "work"}, {"payload", std::string(98, 'x')}}).status == 202);
  CHECK(refusal(client.post("/tasks", {{"type", "work"}, {"payload", std::string(99, 'x')}})) ==
        "413 payload_too_large /payload");
  CHECK(refusal(client.get("/healthz", {{"X-Filler", std::string(1024, 'x')}})) ==
        "431 headers_too_large");
  CHECK(refusal(client.get("/" + std::string(300, 'x'))) == "414 uri_too_long");
  const Json task = {{"type", "work"}};
  CHECK(client.post("/tasks/batch", {{"tasks", {task, task}}}).status == 202);
  CHECK(refusal(client.post("/tasks/batch", {{"tasks", {task, task, task}}})) ==
        "400 invalid_argument /tasks");
  CHECK(client.post("/leases", {{"queues", {"none"}}, {"max_tasks", 3}, {"wait_ms", 50}}).status ==
        200);
  CHECK(refusal(client.post("/leases", {{"queues", {"none"}}, {"max_tasks", 4}})) ==
        "400 invalid_argument /max_tasks");
  CHECK(refusal(client.post("/leases", {{"queues", {"none"}}, {"wait_ms", 51}})) ==
        "400 invalid_argument /wait_ms");
  const Json limits = client.get("/info").json()["limits"];
  CHECK(limits["body_bytes_max"] == 4096);
  CHECK(limits["payload_bytes_max"] == 100);
  CHECK(limits["header_bytes_max"] == 1024);
  CHECK(limits["target_bytes_max"] == 300);
  CHECK(limits["batch_tasks_max"] == 2);
  CHECK(limits["lease_tasks_max"] == 3);
  CHECK(limits["wait_ms_max"] == 50);
}

TEST_CASE("the nesting that JSON may have can be set") {
  const Limited limited({"--json-depth-max=4"});
  Client client = limited.client();
  CHECK(client.post_text("/tasks", R"({"type":"work","payload":[[[]]]})").status == 202);
  CHECK(refusal(client.post_text("/tasks", R"({"type":"work","payload":[[[[]]]]})"))
            .starts_with("400 invalid_"));
}

TEST_CASE("a server that has all the queues it may have is 429 for one more") {
  const Limited limited({"--queues-max=2"});
  Client client = limited.client();
  const auto submit_to = [&](const char* queue) {
    return client.post("/tasks", {{"type", "work"}, {"queue", queue}});
  };
  REQUIRE(submit_to("one").status == 202);
  REQUIRE(client.put("/queues/two", Json::object()).status == 200);
  const std::string refused = "429 too_many_queues";
  CHECK(refusal(submit_to("three")) == refused);
  CHECK(refusal(client.put("/queues/three", Json::object())) == refused);
  CHECK(refusal(client.post("/tasks/batch", {{"tasks", {{{"type", "work"}, {"queue", "three"}}}}}))
            .starts_with(refused));
  CHECK(refusal(client.post("/queues/one/dead/redrive", {{"all", true}, {"to_queue", "three"}})) ==
        refused);
  CHECK(submit_to("one").status == 202);
  REQUIRE(client.del("/queues/two").status == 204);
  CHECK(submit_to("three").status == 202);
}

TEST_CASE("a server that has all the connections it may have is 503 for one more") {
  const Limited limited({"--connections-max=3"});
  std::vector<Connection> taken;
  for (int i = 0; i < 3; ++i) {
    taken.emplace_back(limited.port());
    taken.back().send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    REQUIRE(taken.back().receive().status == 200);
  }
  Connection over(limited.port());
  CHECK(refusal(over.receive()) == "503 overloaded");
  taken.pop_back();
  eventually(
      "there is room again",
      [&] {
        try {
          return limited.client().get("/healthz").status;
        } catch (const ConnectionLost&) {
          return 0;
        }
      },
      [](int status) { return status == 200; });
}

}  // namespace
}  // namespace quern::test
