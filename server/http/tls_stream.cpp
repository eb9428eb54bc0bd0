#include "http/tls_stream.h"

#include <openssl/err.h>

#include <algorithm>
#include <new>
#include <utility>

namespace quern::http {
namespace {

// RFC 8446 section 5.1.
constexpr std::size_t record_bytes_max = std::size_t{16} << 10;

}  // namespace

TlsStream::TlsStream(std::shared_ptr<const TlsContext> context, int socket)
    : context_(std::move(context)), ssl_(SSL_new(context_->get())) {
  if (!ssl_ || SSL_set_fd(ssl_.get(), socket) != 1) throw std::bad_alloc();
  SSL_set_accept_state(ssl_.get());
}

TlsStream::Want TlsStream::shake_hands() {
  ERR_clear_error();
  const Want want = want_after(SSL_do_handshake(ssl_.get()));
  if (want != Want::end) return want;
  const int reason = ERR_GET_REASON(ERR_peek_error());
  met_plain_http_ = reason == SSL_R_HTTP_REQUEST || reason == SSL_R_HTTPS_PROXY_REQUEST;
  ERR_clear_error();
  return want;
}

TlsStream::Progress TlsStream::read(void* into, std::size_t bytes_max) {
  if (over_) return {.want = Want::end};
  ERR_clear_error();
  std::size_t count = 0;
  const int result = SSL_read_ex(ssl_.get(), into, bytes_max, &count);
  return {.count = count, .want = want_after(result)};
}

TlsStream::Progress TlsStream::write(std::string_view first, std::string_view second) {
  if (over_) return {.want = Want::end};
  std::string_view bytes = first.empty() ? second : first;
  if (!first.empty() && !second.empty() && first.size() < record_bytes_max) {
    record_.assign(first);
    record_ += second.substr(0, record_bytes_max - first.size());
    bytes = record_;
  }
  ERR_clear_error();
  std::size_t count = 0;
  const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &count);
  return {.count = count, .want = want_after(result)};
}

void TlsStream::finish_sending() {
  if (over_) return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

TlsStream::Want TlsStream::want_after(int result) {
  if (result == 1) return Want::nothing;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Want::readable;
    case SSL_ERROR_WANT_WRITE:
      return Want::writable;
    default:
      over_ = true;
      return Want::end;
  }
}

}  // namespace quern::http
