// Where to listen, as people write it: "127.0.0.1:7480", "[::1]:7480", "localhost:0".
//
// Errors   invalid_argument: not of that form, or the name does not resolve.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "quern/protocol/result.h"

namespace quern::http {

struct ListenAddress {
  std::string host;     // as written, without brackets
  std::string address;  // what it resolved to
  std::uint16_t port = 0;
  bool is_loopback = false;
};

Result<ListenAddress> resolve_listen_address(std::string_view text);

// "http://127.0.0.1:7480", or "https:" with TLS.
std::string url_of(std::string_view address, std::uint16_t port, bool tls);

}  // namespace quern::http
