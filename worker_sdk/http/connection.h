// One keep-alive connection to the server: a request out, its response back, within a deadline.
//
// Threads  one call at a time; a stop_token may be triggered from anywhere.
// Errors   unreachable (what happened, in words; the connection is then of no further use).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "http/endpoint.h"
#include "quern/protocol/result.h"

namespace quern::sdk {

using SteadyTime = std::chrono::steady_clock::time_point;

struct HttpRequest {
  std::string_view method;
  std::string target;
  std::string body;  // empty: none, and no Content-Type
  std::string_view content_type = "application/json";
};

struct HttpResponse {
  unsigned status = 0;
  std::string content_type;
  std::string body;
  std::uint32_t retry_after_seconds = 0;  // 0: not said
  bool replayed = false;                  // Idempotency-Replayed: true
};

// What is the same for all connections of a client: TLS trust, the token.
class ConnectionSettings {
 public:
  // invalid_argument: the CA file cannot be read.
  static Result<std::shared_ptr<const ConnectionSettings>> make(const Endpoint& endpoint,
                                                                const std::string& token,
                                                                const std::string& ca_file);
  virtual ~ConnectionSettings() = default;
};

class Connection {
 public:
  virtual ~Connection() = default;

  // Resolves, connects and shakes hands.
  static Result<std::unique_ptr<Connection>> open(
      std::shared_ptr<const ConnectionSettings> settings, SteadyTime deadline);

  // An answer that is under way at the deadline may go on for as long as it keeps coming.
  // When `stop` is requested the sending side is closed, which tells the server that nobody waits
  // any more. An answer that was already under way is still received, so that no lease in it is
  // lost; otherwise the call ends as `unreachable`.
  virtual Result<HttpResponse> exchange(const HttpRequest& request, SteadyTime deadline,
                                        std::stop_token stop) = 0;

  // Whether another request may be tried: kept alive by both sides, and nothing to read.
  virtual bool reusable() = 0;
};

}  // namespace quern::sdk
