// How long a client may take over each part of an exchange.
#pragma once

#include <chrono>

namespace quern::http {

struct Timeouts {
  using ms = std::chrono::milliseconds;
  ms header{10'000};       // from a request's first byte to its header's last
  ms body{60'000};         // from there to its body's last
  ms idle{75'000};         // between requests
  ms write_stall{30'000};  // a client that does not take its answer
  ms linger{5'000};        // for a client to read a refusal while it is still sending
  ms sweep{250};           // how often all of these are looked at
};

}  // namespace quern::http
