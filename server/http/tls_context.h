// What the server offers to TLS clients: its certificate and key, and nothing that is out of date.
//
// Shape    TLS 1.2 and 1.3, ephemeral keys and authenticated ciphers only. No renegotiation, no
//          compression, no early data, and no session tickets, whose keys would have to be changed:
//          connections live long, so a whole handshake for each costs little.
// Threads  constant once loaded; replaced as a whole on a reload, while connections keep theirs.
// Errors   invalid_argument, in words for the operator.
// Source   RFC 9325.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "quern/protocol/result.h"
#include "quern/protocol/timestamp.h"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace quern::http {

struct TlsFiles {
  std::filesystem::path certificate;  // PEM: the server's own, then those that vouch for it
  std::filesystem::path key;          // PEM, not encrypted
};

class TlsContext {
 public:
  // Refuses a certificate that is not valid at `now`, and a key that is not its own.
  static Result<std::shared_ptr<const TlsContext>> load(const TlsFiles& files, Timestamp now);

  ssl_ctx_st* get() const { return context_.get(); }
  const std::string& subject() const { return subject_; }
  Timestamp expires_at() const { return expires_at_; }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  std::unique_ptr<ssl_ctx_st, Free> context_;
  std::string subject_;
  Timestamp expires_at_;
};

}  // namespace quern::http
