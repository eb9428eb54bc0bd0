// Where a server is, from its URL.
#pragma once

#include <string>
#include <string_view>

#include "quern/protocol/result.h"

namespace quern::sdk {

struct Endpoint {
  bool tls = false;
  std::string host;  // without the brackets of an IPv6 address
  std::string port;
  std::string authority;  // for the Host header

  std::string url() const { return (tls ? "https://" : "http://") + authority; }
};

// http://host[:port] or https://host[:port]; a trailing slash is fine, a path is not.
// invalid_argument: what is wrong with it.
Result<Endpoint> parse_server_url(std::string_view url);

// `text` for use as one path segment or query value: everything but unreserved characters as %XX.
std::string percent_encode(std::string_view text);

}  // namespace quern::sdk
