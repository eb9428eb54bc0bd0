// Who may do what: every route of the server, with no token, with a token of each role, and with
// one that is for other queues.
#include "http/authorize.h"

#include <doctest/doctest.h>

#include <map>
#include <string>

#include "http/admission.h"
#include "http/problem.h"

using namespace quern;
using namespace quern::access;
using namespace quern::http;

namespace {

constexpr Timestamp now{1'000'000};

std::string secret_of(const std::string& name) { return name + std::string(40, '.'); }

Token token(const std::string& name, Role role, std::vector<std::string> patterns = {}) {
  Token token{.name = name, .role = role, .digest = sha256(secret_of(name))};
  if (!patterns.empty()) {
    token.queues = std::make_shared<const engine::QueueScope>(std::move(patterns));
  }
  return token;
}

const TokenSet& tokens() {
  static const TokenSet tokens({
      token("producer", Role::producer),
      token("worker", Role::worker),
      token("reader", Role::reader),
      token("admin", Role::admin),
      token("own-admin", Role::admin, {"own.*"}),
      token("own-reader", Role::reader, {"own.*"}),
      [] {
        Token expired = token("expired", Role::admin);
        expired.expires_at = now;
        return expired;
      }(),
  });
  return tokens;
}

struct Verdict {
  unsigned status = 0;  // 0: admitted
  bool wrong_token = false;
};

Verdict verdict_on(std::string_view method, const std::string& target,
                   const std::string& authorization, bool has_body = false,
                   const TokenSet* known = &tokens()) {
  std::string block = std::string(method) + " " + target + " HTTP/1.1\r\nHost: localhost\r\n";
  if (!authorization.empty()) block += "Authorization: " + authorization + "\r\n";
  if (has_body) block += "Content-Type: application/json\r\nContent-Length: 2\r\n";
  block += "\r\n";
  const AdmissionPolicy policy{.routes = all_routes(), .head = {}, .body_bytes_max = 1000};
  const HostPolicy hosts{.allowed = {}, .local_address = "127.0.0.1"};
  RequestHead head;
  Request request;
  const auto admission =
      admit(block, policy, hosts, Authority{.tokens = known, .now = now}, head, request);
  const auto* refused = std::get_if<Refused>(&admission);
  if (refused == nullptr) return {};
  return {status_of(refused->error.code), refused->wrong_token};
}

std::string bearer(const std::string& name) { return "Bearer " + secret_of(name); }

std::string target_of(const Route& route, const std::string& queue) {
  std::string target(route.path);
  const std::size_t at = target.find("{}");
  if (at != std::string::npos) target.replace(at, 2, queue);
  return target;
}

Verdict verdict_on(const Route& route, const std::string& authorization,
                   const std::string& queue = "own.q") {
  return verdict_on(to_string(route.method), target_of(route, queue), authorization,
                    route.body != BodyRule::none);
}

// What each route takes, by hand from the contract: o nobody is asked, p producer, w worker,
// r reader, a admin, A admin of all queues.
const std::map<std::string, std::string>& expected() {
  static const std::map<std::string, std::string> roles = {
      {"POST /tasks", "pa"},
      {"GET /tasks", "pra"},
      {"POST /tasks/batch", "pa"},
      {"GET /tasks/{}", "pra"},
      {"POST /tasks/{}/cancel", "pa"},
      {"POST /tasks/{}/redrive", "a"},
      {"POST /tasks/{}/complete", "wa"},
      {"POST /tasks/{}/fail", "wa"},
      {"POST /tasks/{}/heartbeat", "wa"},
      {"POST /tasks/{}/release", "wa"},
      {"POST /leases", "wa"},
      {"POST /leases/settle", "wa"},
      {"GET /queues", "pra"},
      {"GET /queues/{}", "pra"},
      {"PUT /queues/{}", "a"},
      {"PATCH /queues/{}", "a"},
      {"DELETE /queues/{}", "a"},
      {"POST /queues/{}/pause", "a"},
      {"POST /queues/{}/resume", "a"},
      {"POST /queues/{}/purge", "a"},
      {"GET /queues/{}/dead", "pra"},
      {"POST /queues/{}/dead/redrive", "a"},
      {"POST /queues/{}/dead/discard", "a"},
      {"POST /admin/drain", "a"},
      {"DELETE /admin/drain", "a"},
      {"POST /admin/backups", "a"},
      {"GET /admin/backups", "a"},
      {"POST /admin/backups/{}/verify", "a"},
      {"GET /healthz", "o"},
      {"GET /readyz", "o"},
      {"GET /info", "pwra"},
      {"GET /metrics", "ra"},
      {"GET /admin/doctor", "a"},
  };
  return roles;
}

std::string name_of(const Route& route) {
  return std::string(to_string(route.method)) + " " + std::string(route.path);
}

}  // namespace

TEST_CASE("every route takes the roles that the contract names, and no other") {
  CHECK(expected().size() == all_routes().size());
  for (const Route& route : all_routes()) {
    CAPTURE(name_of(route));
    REQUIRE(expected().contains(name_of(route)));
    CHECK(route.right != Right::nobody);
    const std::string& roles = expected().at(name_of(route));
    const bool open = roles == "o";
    CHECK(verdict_on(route, "").status == (open ? 0 : 401));
    for (const char* name : {"producer", "worker", "reader", "admin"}) {
      CAPTURE(std::string(name));
      const bool may = open || roles.find(name[0]) != std::string::npos;
      CHECK(verdict_on(route, bearer(name)).status == (may ? 0 : 403));
    }
  }
}

TEST_CASE("a queue in the path must be one of the token's, whatever is done to it") {
  for (const Route& route : all_routes()) {
    CAPTURE(name_of(route));
    const bool names_queue = route.path.starts_with("/queues/{}");
    // What concerns the server as a whole is not for who has some queues only.
    const bool whole_server = route.right == Right::observe || route.right == Right::operate;
    CHECK(verdict_on(route, bearer("own-admin"), "own.q").status == (whole_server ? 403 : 0));
    CHECK(verdict_on(route, bearer("own-admin"), "other").status ==
          (names_queue || whole_server ? 403 : 0));
    if (route.right != Right::read) continue;
    CHECK(verdict_on(route, bearer("own-reader"), "other").status == (names_queue ? 403 : 0));
  }
}

TEST_CASE("strangers get 401 for everything but health, for what does not exist as well") {
  for (const std::string& authorization :
       {std::string(), bearer("nobody"), bearer("expired"), "Basic " + secret_of("admin"),
        std::string("Bearer"), std::string("Bearer "), secret_of("admin"),
        "Bearer  x " + secret_of("admin")}) {
    CAPTURE(authorization);
    CHECK(verdict_on("GET", "/info", authorization).status == 401);
    CHECK(verdict_on("GET", "/no/such/path", authorization).status == 401);
    CHECK(verdict_on("DELETE", "/tasks", authorization).status == 401);
    CHECK(verdict_on("GET", "/info", authorization).wrong_token == !authorization.empty());
    CHECK(verdict_on("GET", "/healthz", authorization).status == 0);
  }
  CHECK(verdict_on("GET", "/no/such/path", bearer("worker")).status == 404);
  CHECK(verdict_on("DELETE", "/tasks", bearer("worker")).status == 405);
  CHECK(verdict_on("HEAD", "/info", bearer("worker")).status == 0);
  CHECK(verdict_on("HEAD", "/tasks", bearer("worker")).status == 403);
}

TEST_CASE("the scheme is written in any case") {
  CHECK(verdict_on("GET", "/info", "bearer " + secret_of("admin")).status == 0);
  CHECK(verdict_on("GET", "/info", "BEARER   " + secret_of("admin")).status == 0);
}

TEST_CASE("a server without tokens asks nobody") {
  CHECK(verdict_on("GET", "/info", "", false, nullptr).status == 0);
  CHECK(verdict_on("GET", "/info", "Bearer nonsense", false, nullptr).status == 0);
  CHECK(verdict_on("PUT", "/queues/q", "", true, nullptr).status == 0);
}

TEST_CASE("a body is refused for who sent it before it is refused for what it is") {
  CHECK(verdict_on("POST", "/tasks", "", true).status == 401);
  CHECK(verdict_on("POST", "/tasks", bearer("reader"), true).status == 403);
}
