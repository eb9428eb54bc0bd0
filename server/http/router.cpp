#include "http/router.h"

#include <algorithm>

namespace quern::http {
namespace {

bool matches(std::string_view pattern, std::span<const std::string> segments) {
  for (const std::string& segment : segments) {
    if (pattern.empty()) return false;
    pattern.remove_prefix(1);  // the slash
    const std::string_view expected =
        pattern.substr(0, std::min(pattern.find('/'), pattern.size()));
    pattern.remove_prefix(expected.size());
    if (expected == "{}" ? segment.empty() : segment != expected) return false;
  }
  return pattern.empty();
}

void append_method(std::string& allow, std::string_view method) {
  if (!allow.empty()) allow += ", ";
  allow += method;
}

}  // namespace

RouteMatch find_route(std::span<const Route> routes, Method method,
                      std::span<const std::string> segments) {
  const Method wanted = method == Method::head ? Method::get : method;
  RouteMatch match;
  // The first path that matches is the one that is meant, whatever its methods: /tasks/batch is not
  // a task.
  std::string_view path;
  for (const Route& route : routes) {
    if (path.empty() && matches(route.path, segments)) path = route.path;
    if (path.empty() || route.path != path) continue;
    if (route.method == wanted) return RouteMatch{.route = &route, .allow = {}};
    append_method(match.allow, to_string(route.method));
    if (route.method == Method::get) append_method(match.allow, to_string(Method::head));
  }
  return match;
}

}  // namespace quern::http
