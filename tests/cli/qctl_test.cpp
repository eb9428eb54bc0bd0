// qctl against a server that answers what the test wants; qctl_quernd_test.cpp and the Python tests
// beside it have it against the real one.
#include <doctest/doctest.h>

#include "fake_server.h"
#include "run_qctl.h"

using namespace quern::test;

namespace {

const std::string id = "019a9f3c-0000-7000-8000-000000000001";

std::string task_text() {
  return R"({"id": ")" + id +
         R"(", "queue": "emails", "type": "send", "state": "dead", "attempts": 5,
             "max_attempts": 5, "dead_reason": "max_attempts", "payload": {"to": "x"},
             "created_at": "2026-11-23T09:10:00.000Z", "correlation_id": "c",
             "last_error": {"type": "SmtpTimeout", "message": "red \u001b[31m"}})";
}

QctlResult qctl(const FakeServer& server, std::vector<std::string> arguments,
                const std::string& input = "") {
  arguments.insert(arguments.end(), {"--server", server.url()});
  return run_qctl(arguments, input);
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("submit prints the id and nothing else") {
  FakeServer server(
      [](const FakeRequest&) { return FakeAnswer{.status = 202, .body = task_text()}; });
  const QctlResult result = qctl(
      server, {"submit", "send", R"({"to": "x"})", "-q", "emails", "--delay", "5m", "-m", "a=b"});
  CHECK(result.status == 0);
  CHECK(result.out == id + "\n");
  const std::string body = server.requests().at(0).body;
  CHECK(contains(body, R"("queue":"emails","type":"send","payload":{"to": "x"})"));
  CHECK(contains(body, R"("delay_ms":300000)"));
  CHECK(contains(body, R"("metadata":{"a":"b"})"));
}

TEST_CASE("submit takes its payload from standard input") {
  FakeServer server(
      [](const FakeRequest&) { return FakeAnswer{.status = 202, .body = task_text()}; });
  CHECK(qctl(server, {"submit", "send", "-"}, "[1, 2]\n").status == 0);
  CHECK(contains(server.requests().at(0).body, "[1, 2]"));
}

TEST_CASE("a payload that is no JSON is refused with the place") {
  FakeServer server([](const FakeRequest&) { return FakeAnswer{}; });
  const QctlResult result = qctl(server, {"submit", "send", "hello"});
  CHECK(result.status == 1);
  CHECK(contains(result.err, "/payload is not JSON at byte 0"));
  CHECK(server.requests().empty());
}

TEST_CASE("get shows a task for eyes, or as JSON") {
  FakeServer server([](const FakeRequest&) { return FakeAnswer{.body = task_text()}; });
  const QctlResult text = qctl(server, {"get", id});
  CHECK(text.status == 0);
  CHECK(contains(text.out, "dead: max_attempts"));
  CHECK(contains(text.out, "SmtpTimeout: red ?[31m"));  // no escape reaches the terminal
  const QctlResult json = qctl(server, {"--json", "get", id});
  CHECK(contains(json.out, R"("payload":{"to": "x"})"));
  CHECK(json.out.find('\n') == json.out.size() - 1);
}

TEST_CASE("lists are one object a line with --json, and say when there is more") {
  FakeServer server([](const FakeRequest& request) -> FakeAnswer {
    if (contains(request.target, "cursor=next")) {
      return {.body = R"({"tasks": [)" + task_text() + R"(], "next_cursor": null})"};
    }
    return {.body = R"({"tasks": [)" + task_text() + R"(], "next_cursor": "next"})"};
  });
  const QctlResult page = qctl(server, {"dead", "list", "emails", "--limit", "1"});
  CHECK(page.status == 0);
  CHECK(contains(page.out, "REASON"));
  CHECK(contains(page.err, "--cursor next"));
  const QctlResult all = qctl(server, {"dead", "list", "emails", "--all", "--json"});
  CHECK(std::count(all.out.begin(), all.out.end(), '\n') == 2);
  CHECK(all.err.empty());
}

TEST_CASE("redrive names one task or a queue, and never everything by accident") {
  FakeServer server([](const FakeRequest& request) -> FakeAnswer {
    return {.body = request.target.starts_with("/tasks") ? task_text() : R"({"redriven": 3})"};
  });
  CHECK(qctl(server, {"redrive", id}).status == 0);
  CHECK(qctl(server, {"redrive", "emails"}).status == 2);
  const QctlResult filtered =
      qctl(server, {"dead", "redrive", "emails", "--error-type", "SmtpTimeout"});
  CHECK(filtered.out == "Redriven 3 tasks\n");
  const auto requests = server.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].target == "/tasks/" + id + "/redrive");
  CHECK(requests[1].target == "/queues/emails/dead/redrive");
  CHECK(requests[1].body == R"({"all":true,"error_type":"SmtpTimeout"})");
}

TEST_CASE("queue set sends only what was named") {
  FakeServer server([](const FakeRequest&) {
    return FakeAnswer{.body = R"({"name": "emails", "max_attempts": 9, "counts": {"ready": 1}})"};
  });
  const QctlResult result = qctl(server, {"queue", "set", "emails", "--max-attempts", "9", "--ttl",
                                          "none", "--lease", "2m", "--retry-base", "1s"});
  CHECK(result.status == 0);
  CHECK(server.requests().at(0).method == "PATCH");
  CHECK(server.requests().at(0).body ==
        R"({"max_attempts":9,"lease_ms":120000,"ttl_ms":null,"retry":{"base_ms":1000}})");
  CHECK(qctl(server, {"queue", "set", "emails"}).status == 2);
}

TEST_CASE("the exit status and the message say what is wrong") {
  FakeServer missing(
      [](const FakeRequest&) { return problem(404, "task_not_found", "no such task"); });
  const QctlResult not_found = qctl(missing, {"get", id});
  CHECK(not_found.status == 3);
  CHECK(not_found.err == "qctl: no such task\n");
  CHECK(qctl(missing, {"get", id, "--json"}).err ==
        "{\"code\":\"task_not_found\",\"detail\":\"no such task\"}\n");

  FakeServer refusing([](const FakeRequest&) { return problem(401, "unauthorized"); });
  const QctlResult refused = qctl(refusing, {"queues"});
  CHECK(refused.status == 1);
  CHECK(contains(refused.err, "QUERN_TOKEN"));

  FakeServer other(
      [](const FakeRequest&) { return FakeAnswer{.body = "hello", .content_type = "text/plain"}; });
  CHECK(qctl(other, {"queues"}).status == 4);

  other.stop();
  const QctlResult unreachable = qctl(other, {"queues"});
  CHECK(unreachable.status == 4);
  CHECK(contains(unreachable.err, "Is quernd running there?"));
}

TEST_CASE("usage errors exit with 2, help and version with 0") {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{},
                                                    {"submit"},
                                                    {"nonsense"},
                                                    {"queues", "--limit", "0"},
                                                    {"submit", "t", "--delay", "5"},
                                                    {"list"},
                                                    {"queues", "--no-such-flag"}}) {
    CHECK(run_qctl(arguments).status == 2);
  }
  const QctlResult help = run_qctl({"submit", "--help"});
  CHECK(help.status == 0);
  CHECK(contains(help.out, "Examples:"));
  CHECK(run_qctl({"--version"}).out.starts_with("qctl "));
}
