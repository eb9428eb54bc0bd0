#include "http/admission.h"

#include <doctest/doctest.h>

#include <string>

#include "http/problem.h"

using namespace quern;
using namespace quern::http;

namespace {

struct Verdict {
  unsigned status = 0;  // 0: admitted
  bool closes = false;
  std::string allow;
  Framing framing;
  bool expects_continue = false;
};

Verdict verdict_on(const std::string& block, std::vector<std::string> allowed_hosts = {}) {
  const AdmissionPolicy policy{.routes = all_routes(), .head = {}, .body_bytes_max = 1000};
  const HostPolicy hosts{.allowed = allowed_hosts, .local_address = "192.0.2.7"};
  RequestHead head;
  Request request;
  const auto admission = admit(block, policy, hosts, Authority{}, head, request);
  if (const auto* refused = std::get_if<Refused>(&admission)) {
    return {.status = status_of(refused->error.code),
            .closes = !refused->framing.has_value(),
            .allow = refused->allow};
  }
  const Admitted& admitted = std::get<Admitted>(admission);
  return {.framing = admitted.framing, .expects_continue = admitted.expects_continue};
}

std::string post(const std::string& fields, const std::string& target = "/tasks") {
  return "POST " + target + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
         fields + "\r\n";
}

std::string get(const std::string& target, const std::string& fields = "Host: localhost\r\n") {
  return "GET " + target + " HTTP/1.1\r\n" + fields + "\r\n";
}

}  // namespace

TEST_CASE("where a body ends is beyond doubt, or the connection closes") {
  struct Row {
    std::string fields;
    unsigned status;
    bool closes;
  };
  for (const Row& row : {
           Row{"Content-Length: 5\r\n", 0, false},
           Row{"content-length: 5\r\n", 0, false},
           Row{"Transfer-Encoding: chunked\r\n", 0, false},
           Row{"Transfer-Encoding: Chunked\r\n", 0, false},
           Row{"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400, true},
           Row{"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400, true},
           Row{"Transfer-Encoding: gzip\r\nContent-Length: 5\r\n", 400, true},
           Row{"Content-Length: 5\r\nTransfer-Encoding: gzip\r\n", 400, true},
           Row{"Transfer-Encoding: gzip\r\n", 501, true},
           Row{"Transfer-Encoding: xchunked\r\n", 501, true},
           Row{"Transfer-Encoding: identity\r\n", 501, true},
           Row{"Transfer-Encoding: gzip, chunked\r\n", 501, true},
           Row{"Transfer-Encoding: chunked, gzip\r\n", 400, true},
           Row{"Transfer-Encoding: chunked, chunked\r\n", 400, true},
           Row{"Transfer-Encoding:\r\n", 400, true},
           Row{"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", 400, true},
           Row{"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400, true},
           Row{"Content-Length: 5\r\nContent-Length: 5\r\n", 400, true},
           Row{"Content-Length: 5\r\nContent-Length: 6\r\n", 400, true},
           Row{"Content-Length: 5, 5\r\n", 400, true},
           Row{"Content-Length: +5\r\n", 400, true},
           Row{"Content-Length: -5\r\n", 400, true},
           Row{"Content-Length: 0x5\r\n", 400, true},
           Row{"Content-Length: 5 5\r\n", 400, true},
           Row{"Content-Length:\r\n", 400, true},
           Row{"Content-Length: 18446744073709551616\r\n", 400, true},
           Row{"Content-Length : 5\r\n", 400, true},
           Row{"Host: localhost\r\n", 400, true},
           Row{": empty\r\n", 400, true},
           Row{"no colon\r\n", 400, true},
       }) {
    CAPTURE(row.fields);
    const Verdict verdict = verdict_on(post(row.fields));
    CHECK(verdict.status == row.status);
    CHECK(verdict.closes == row.closes);
  }
  CHECK(verdict_on(post("Content-Length: 5\r\n")).framing.content_length == 5);
  CHECK(verdict_on(post("Transfer-Encoding: chunked\r\n")).framing.chunked);
}

TEST_CASE("HTTP/1.0 has no chunked coding, may leave Host out, and no other version is known") {
  CHECK(verdict_on("GET /healthz HTTP/1.0\r\n\r\n").status == 0);
  CHECK(verdict_on("GET /healthz HTTP/1.1\r\n\r\n").status == 400);
  CHECK(verdict_on("POST /tasks HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n").status == 400);
  CHECK(verdict_on("GET /healthz HTTP/3.7\r\nHost: localhost\r\n\r\n").status == 400);
  CHECK(verdict_on("GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n").status == 400);
  CHECK(verdict_on("GET /healthz\r\n\r\n").status == 400);
}

TEST_CASE("a request says each thing that matters once") {
  for (const std::string name :
       {"Authorization", "Idempotency-Key", "X-Correlation-ID", "X-Request-ID", "Origin", "Expect",
        "Content-Encoding", "traceparent"}) {
    CAPTURE(name);
    const std::string line = name + ": a\r\n";
    const Verdict verdict = verdict_on(post(line + line));
    CHECK(verdict.status == 400);
    CHECK(verdict.closes);
  }
  CHECK(verdict_on(post("Content-Type: application/json\r\n")).status == 400);
  CHECK(
      verdict_on(post("Tracestate: a=1\r\ntracestate: b=2\r\nAccept: a\r\nAccept: b\r\n")).status ==
      0);
}

TEST_CASE("only requests for this server are answered") {
  struct Row {
    std::string host;
    unsigned status;
  };
  for (const Row& row : {
           Row{"localhost", 0},
           Row{"LocalHost:7480", 0},
           Row{"127.0.0.1:1", 0},
           Row{"127.0.0.2", 0},
           Row{"[::1]:7480", 0},
           Row{"[::1]", 0},
           Row{"192.0.2.7:7480", 0},
           Row{"192.0.2.8", 421},
           Row{"tasks.example", 0},
           Row{"TASKS.example:80", 0},
           Row{"evil.example", 421},
           Row{"localhost.evil.example", 421},
           Row{"127.0.0.1.evil.example", 421},
           Row{"", 421},
           Row{"local host", 400},
           Row{"user@localhost", 400},
           Row{"localhost:port", 400},
           Row{"localhost:123456", 400},
           Row{"[::1", 400},
           Row{"::1", 400},
           Row{"a/b", 400},
       }) {
    CAPTURE(row.host);
    CHECK(verdict_on(get("/healthz", "Host: " + row.host + "\r\n"), {"tasks.example"}).status ==
          row.status);
  }
}

TEST_CASE("the authority of an absolute-form target counts instead of Host") {
  CHECK(verdict_on(get("http://localhost:7480/healthz")).status == 0);
  CHECK(verdict_on(get("HTTP://localhost/healthz", "Host: evil.example\r\n")).status == 0);
  CHECK(verdict_on(get("http://evil.example/healthz")).status == 421);
  CHECK(verdict_on(get("https://localhost/healthz")).status == 421);
  CHECK(verdict_on(get("http:///healthz")).status == 400);
  CHECK(verdict_on(get("http://user@localhost/healthz")).status == 400);
  CHECK(verdict_on(get("healthz")).status == 400);
  CHECK(verdict_on(get("*")).status == 400);
}

TEST_CASE("a page of another origin is refused") {
  struct Row {
    std::string origin;
    unsigned status;
  };
  for (const Row& row : {Row{"http://localhost:7480", 0}, Row{"HTTP://LOCALHOST:7480", 0},
                         Row{"https://localhost:7480", 0}, Row{"http://localhost", 403},
                         Row{"http://localhost:3000", 403}, Row{"http://evil.example", 403},
                         Row{"null", 403}, Row{"", 403}}) {
    CAPTURE(row.origin);
    const std::string fields = "Host: localhost:7480\r\nOrigin: " + row.origin + "\r\n";
    CHECK(verdict_on(get("/healthz", fields)).status == row.status);
  }
  // A preflight is no exception, and is asked before where it leads.
  CHECK(verdict_on(
            "OPTIONS /tasks HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n")
            .status == 403);
}

TEST_CASE("unknown paths, methods and expectations are told apart") {
  CHECK(verdict_on(get("/nothing")).status == 404);
  CHECK(verdict_on(get("/")).status == 404);
  CHECK(verdict_on(get("//tasks?queue=a")).status == 404);
  CHECK(verdict_on(get("/tasks/")).status == 404);
  CHECK(verdict_on(get("/queues/../tasks")).status == 404);
  CHECK(verdict_on(get("/queues/%2e%2e/dead")).status == 0);
  CHECK(verdict_on(get("/queues/%00")).status == 400);
  CHECK(verdict_on(get("/queues/%zz")).status == 400);
  CHECK(verdict_on(get("/healthz#x")).status == 400);

  const Verdict wrong = verdict_on("DELETE /tasks HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(wrong.status == 405);
  CHECK(wrong.allow == "POST, GET, HEAD");
  CHECK_FALSE(wrong.closes);
  CHECK(verdict_on("OPTIONS /tasks HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 405);
  CHECK(verdict_on("TRACE /tasks HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 405);
  CHECK(verdict_on("BREW /tasks HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 501);
  CHECK(verdict_on("get /tasks HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 501);
  CHECK(verdict_on("PROPFIND /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 501);

  CHECK(verdict_on(post("Content-Length: 5\r\nExpect: 100-Continue\r\n")).expects_continue);
  CHECK(verdict_on(post("Content-Length: 5\r\nExpect: a miracle\r\n")).status == 417);
}

TEST_CASE("a target may be so long and no longer") {
  const std::string most(limits::target_bytes_max - 1, 'a');
  CHECK(verdict_on(get("/" + most)).status == 404);
  CHECK(verdict_on(get("/a" + most)).status == 414);
}

TEST_CASE("a body is JSON by name, not encoded, not too large, and only where there is one") {
  const auto with_type = [](const std::string& method, const std::string& target,
                            const std::string& fields) {
    return verdict_on(method + " " + target +
                      " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n" + fields + "\r\n")
        .status;
  };
  CHECK(with_type("POST", "/tasks", "Content-Type: application/json\r\n") == 0);
  CHECK(with_type("POST", "/tasks", "Content-Type: Application/JSON ; charset=utf-8\r\n") == 0);
  CHECK(with_type("POST", "/tasks", "") == 415);
  CHECK(with_type("POST", "/tasks", "Content-Type: text/plain\r\n") == 415);
  CHECK(with_type("POST", "/tasks", "Content-Type: application/jsonp\r\n") == 415);
  CHECK(with_type("POST", "/tasks", "Content-Type: application/merge-patch+json\r\n") == 415);
  CHECK(with_type("PATCH", "/queues/a", "Content-Type: application/merge-patch+json\r\n") == 0);
  CHECK(with_type("PATCH", "/queues/a", "Content-Type: application/json\r\n") == 0);
  CHECK(with_type("POST", "/tasks/x/cancel", "Content-Type: application/json\r\n") == 0);
  CHECK(with_type("POST", "/tasks",
                  "Content-Type: application/json\r\nContent-Encoding: gzip\r\n") == 415);
  CHECK(with_type("GET", "/tasks", "Content-Type: application/json\r\n") == 400);
  CHECK(with_type("HEAD", "/tasks", "Content-Type: application/json\r\n") == 400);
  CHECK(with_type("DELETE", "/queues/a", "Content-Type: application/json\r\n") == 400);

  CHECK(verdict_on(get("/healthz", "Host: localhost\r\nContent-Length: 0\r\n")).status == 0);
  CHECK(verdict_on(post("Content-Length: 1000\r\n")).status == 0);
  const Verdict too_large = verdict_on(post("Content-Length: 1001\r\n"));
  CHECK(too_large.status == 413);
  CHECK_FALSE(too_large.closes);
}
