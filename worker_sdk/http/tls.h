// Whom to trust over TLS, and what a failed handshake means.
//
// Source   RFC 9525 for host names, as OpenSSL checks them.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <boost/system/error_code.hpp>
#include <string>

#include "quern/protocol/result.h"

namespace quern::sdk {

// Sets up `context` for clients that trust the authorities of `ca_file`, or of the system when it
// is empty. invalid_argument: the file cannot be read.
Result<void> trust(boost::asio::ssl::context& context, const std::string& ca_file);

// The certificate must be one of `host`, a name or an address. unreachable: `host` cannot be named
// in TLS.
Result<void> expect_host(SSL* ssl, const std::string& host);

// What came of a handshake that ended with `error`; `peer` is the server's URL.
//   untrusted     the certificate was refused
//   bad_response  the peer does not speak TLS, or not ours
//   unreachable   the connection broke
Error handshake_error(SSL* ssl, const boost::system::error_code& error, const std::string& peer);

}  // namespace quern::sdk
