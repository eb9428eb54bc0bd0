#include "http/tls.h"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/error.hpp>

namespace quern::sdk {
namespace {

namespace asio = boost::asio;

// RFC 9325: older versions must not be used.
constexpr int tls_version_min = TLS1_2_VERSION;

}  // namespace

Result<void> trust(asio::ssl::context& context, const std::string& ca_file) {
  SSL_CTX_set_min_proto_version(context.native_handle(), tls_version_min);
  boost::system::error_code error;
  context.set_verify_mode(asio::ssl::verify_peer, error);
  if (ca_file.empty()) {
    context.set_default_verify_paths(error);
  } else {
    context.load_verify_file(ca_file, error);
  }
  if (!error) return Ok{};
  return Error{.code = ErrorCode::invalid_argument,
               .detail = "CA file \"" + ca_file + "\": " + error.message()};
}

Result<void> expect_host(SSL* ssl, const std::string& host) {
  boost::system::error_code not_an_address;
  asio::ip::make_address(host, not_an_address);
  bool fits = false;
  if (not_an_address) {
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    fits =
        SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
  } else {
    // An address is no server name (RFC 6066), but the certificate must hold it all the same.
    fits = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  }
  if (fits) return Ok{};
  return Error{.code = ErrorCode::unreachable,
               .detail = "the host name \"" + host + "\" does not fit into TLS"};
}

Error handshake_error(SSL* ssl, const boost::system::error_code& error, const std::string& peer) {
  if (const long verdict = SSL_get_verify_result(ssl); verdict != X509_V_OK) {
    return Error{.code = ErrorCode::untrusted,
                 .detail = peer + ": the server's certificate is refused: " +
                           X509_verify_cert_error_string(verdict)};
  }
  if (error.category() == asio::error::get_ssl_category()) {
    return Error{.code = ErrorCode::bad_response,
                 .detail = peer + ": what answers there does not speak TLS as we do (" +
                           error.message() + "): is a Quern server with TLS at that address?"};
  }
  return Error{.code = ErrorCode::unreachable,
               .detail = peer + ": TLS handshake failed: " + error.message()};
}

}  // namespace quern::sdk
