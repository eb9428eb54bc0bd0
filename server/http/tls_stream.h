// One connection's TLS, over a socket that says when it would block.
//
// Straight on the socket instead of Asio's stream: so bytes are not copied through a second pair of
// buffers, and an answer goes out without a turn of the event loop, as it does without TLS.
//
// Threads  its connection's.
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "http/tls_context.h"

namespace quern::http {

class TlsStream {
 public:
  // What must happen before a call can go on.
  enum class Want : std::uint8_t { nothing, readable, writable, end };

  struct Progress {
    std::size_t count = 0;
    Want want = Want::nothing;  // end: the connection is over, in order or not
  };

  // `socket` outlives it.
  TlsStream(std::shared_ptr<const TlsContext> context, int socket);

  Want shake_hands();
  // After the end of a handshake: the client had said something in plain HTTP.
  bool met_plain_http() const { return met_plain_http_; }

  Progress read(void* into, std::size_t bytes_max);
  // Of two pieces one after the other, as much as goes into one record.
  Progress write(std::string_view first, std::string_view second);
  // Says that nothing more will be sent; as far as the socket takes it at once.
  void finish_sending();

 private:
  Want want_after(int result);

  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  std::shared_ptr<const TlsContext> context_;
  std::unique_ptr<SSL, Free> ssl_;
  std::string record_;  // a small answer's head and body, so that they go out together
  bool met_plain_http_ = false;
  bool over_ = false;
};

}  // namespace quern::http
