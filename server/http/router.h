// Which endpoint a method and a path lead to.
//
// Threads  a constant table.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "access/role.h"
#include "http/endpoint.h"
#include "http/request.h"

namespace quern::http {

enum class BodyRule : std::uint8_t {
  none,         // GET and DELETE: a body is refused
  optional,     // nothing to say, but {} may be said
  required,     // JSON
  merge_patch,  // JSON, or application/merge-patch+json
};

struct Route {
  Method method;
  std::string_view path;  // a segment {} matches any one that is not empty
  BodyRule body;
  access::Right right = access::Right::nobody;  // what a token must allow
  Endpoint endpoint;
};

// Every route of the server; routes.cpp.
std::span<const Route> all_routes();

struct RouteMatch {
  const Route* route = nullptr;
  std::string allow;  // the methods that the path has, when it has not this one
};

// HEAD goes where GET does. Neither a route nor methods: there is no such path.
RouteMatch find_route(std::span<const Route> routes, Method method,
                      std::span<const std::string> segments);

}  // namespace quern::http
