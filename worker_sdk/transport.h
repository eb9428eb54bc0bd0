// Carries calls to the server: connections, problem+json, and repeats of what is safe to repeat.
//
// Threads  any.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "http/connection_pool.h"
#include "quern/client.h"

namespace quern::sdk {

// Whether a call may be sent again when nobody knows if it took effect.
enum class Repeat : std::uint8_t {
  safe,    // a second time changes nothing
  unsafe,  // only when the first surely changed nothing
  never,   // the caller has its own way
};

struct Call {
  std::string_view method;
  std::string target;
  std::string body;
  Repeat repeat = Repeat::safe;
  std::string_view content_type = "application/json";
  Duration wait{0};                      // the server may take so much longer on purpose
  std::optional<Duration> timeout = {};  // beyond that; the options' if that is less
  std::stop_token stop;
  SteadyTime give_up_at = SteadyTime::max();  // however long the options would let it take
};

struct Reply {
  HttpResponse response;
  std::uint32_t tries = 1;
};

class Transport {
 public:
  // Throws ApiError (invalid_argument).
  explicit Transport(const ClientOptions& options);

  // A 2xx response, or the problem that the server answered, or unreachable or bad_response.
  Result<Reply> call(const Call& call);

 private:
  struct Try {
    Result<HttpResponse> result;
    bool sent;  // the request may have reached the server
  };
  Try call_once(const Call& call);
  // The same, but what Asio or a new thread throws, such as for want of a descriptor, gets out.
  Result<HttpResponse> exchange(const Call& call, bool& sent);

  ClientOptions options_;
  ConnectionPool pool_;
};

}  // namespace quern::sdk
