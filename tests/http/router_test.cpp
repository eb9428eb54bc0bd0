#include "http/router.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

using namespace quern::http;

namespace {

RouteMatch match(Method method, const std::vector<std::string>& segments) {
  return find_route(all_routes(), method, segments);
}

std::string path_of(Method method, const std::vector<std::string>& segments) {
  const RouteMatch found = match(method, segments);
  return found.route == nullptr ? "" : std::string(found.route->path);
}

}  // namespace

TEST_CASE("a path leads to its route") {
  CHECK(path_of(Method::post, {"tasks"}) == "/tasks");
  CHECK(path_of(Method::post, {"tasks", "batch"}) == "/tasks/batch");
  CHECK(path_of(Method::get, {"tasks", "batch"}) == "");
  CHECK(path_of(Method::get, {"tasks", "x"}) == "/tasks/{}");
  CHECK(path_of(Method::head, {"tasks", "x"}) == "/tasks/{}");
  CHECK(path_of(Method::post, {"tasks", "x", "cancel"}) == "/tasks/{}/cancel");
  CHECK(path_of(Method::post, {"queues", "x", "dead", "redrive"}) == "/queues/{}/dead/redrive");
  CHECK(path_of(Method::get, {"queues", "a/b"}) == "/queues/{}");
  CHECK(path_of(Method::get, {"tasks", ""}) == "");
  CHECK(path_of(Method::get, {}) == "");
  CHECK(path_of(Method::get, {"tasks", "x", "y", "z", "w"}) == "");
  CHECK(path_of(Method::get, {"tasks/x"}) == "");
}

TEST_CASE("a path without that method names those it has; another path names none") {
  CHECK(match(Method::del, {"tasks"}).allow == "POST, GET, HEAD");
  CHECK(match(Method::post, {"queues", "x"}).allow == "GET, HEAD, PUT, PATCH, DELETE");
  CHECK(match(Method::head, {"leases"}).allow == "POST");
  CHECK(match(Method::get, {"nothing"}).allow == "");
}

TEST_CASE("every route can be reached, and no two are the same") {
  std::set<std::string> seen;
  for (const Route& route : all_routes()) {
    CAPTURE(route.path);
    CHECK(seen.insert(std::string(to_string(route.method)) + std::string(route.path)).second);
    CHECK(bool{route.endpoint.answer != nullptr});
    CHECK((route.body == BodyRule::none) ==
          (route.method == Method::get || route.method == Method::del));
    std::vector<std::string> segments;
    for (std::string_view rest = route.path; !rest.empty();) {
      rest.remove_prefix(1);
      const std::string_view segment = rest.substr(0, std::min(rest.find('/'), rest.size()));
      segments.emplace_back(segment == "{}" ? "x" : segment);
      rest.remove_prefix(segment.size());
    }
    const RouteMatch found = match(route.method, segments);
    REQUIRE(found.route != nullptr);
    CHECK(found.route->path == route.path);
  }
}
