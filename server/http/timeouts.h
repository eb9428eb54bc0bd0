// How long a client may take over each part of an exchange.
#pragma once

#include <chrono>

namespace quern::http {

struct Timeouts {
  using Millis = std::chrono::milliseconds;
  Millis handshake{10'000};    // of TLS
  Millis header{10'000};       // from a request's first byte to its header's last
  Millis body{60'000};         // from there to its body's last
  Millis idle{75'000};         // between requests
  Millis write_stall{30'000};  // a client that does not take its answer
  Millis linger{5'000};        // for a client to read a refusal while it is still sending
  Millis sweep{250};           // how often all of these are looked at
};

}  // namespace quern::http
