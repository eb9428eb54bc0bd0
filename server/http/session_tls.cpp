// The bytes of a connection, with TLS or without.
#include <array>
#include <boost/asio/redirect_error.hpp>
#include <utility>

#include "http/problem.h"
#include "http/session.h"
#include "log.h"

namespace quern::http {
namespace {

using boost::system::error_code;
using Want = TlsStream::Want;

// For sockets and TLS alike.
void set_error(Want want, error_code& ec) {
  if (want == Want::end) ec = asio::error::eof;
  if (want == Want::readable || want == Want::writable) ec = asio::error::would_block;
}

Socket::wait_type wait_for(Want want) {
  return want == Want::readable ? Socket::wait_read : Socket::wait_write;
}

}  // namespace

Awaitable<bool> Session::shake_hands() {
  enter(Phase::handshake);
  for (;;) {
    const Want want = tls_->shake_hands();
    if (want == Want::nothing) co_return true;
    if (want == Want::end) break;
    error_code ec;
    co_await socket_.async_wait(wait_for(want), asio::redirect_error(awaiting, ec));
    if (ec || expired_) co_return false;
  }
  co_await end_handshake();
  co_return false;
}

// Closing with something unread would reset the connection, and what we said would be lost: TLS's
// alert, or, to a client that spoke HTTP, an answer it understands.
Awaitable<void> Session::end_handshake() {
  error_code ec;
  if (tls_->met_plain_http()) {
    request_id_ = thread_.new_request_id();
    keep_alive_ = false;
    answer_error(Error{.code = ErrorCode::bad_request,
                       .detail = "this port speaks TLS: the address starts with https://"});
    write_head(response_,
               HeadContext{.date = thread_.date(), .request_id = request_id_, .keep_alive = false},
               response_head_);
    const std::string answer = response_head_ + response_.body;
    socket_.write_some(asio::buffer(answer), ec);
  }
  enter(Phase::linger);
  socket_.shutdown(Socket::shutdown_send, ec);
  std::array<char, 4096> dropped;
  for (int reads = 0; reads < 16 && !ec && !expired_; ++reads) {
    co_await socket_.async_read_some(asio::buffer(dropped), asio::redirect_error(awaiting, ec));
  }
}

Awaitable<std::size_t> Session::read_tls(asio::mutable_buffer into, error_code& ec) {
  for (;;) {
    const TlsStream::Progress progress = tls_->read(into.data(), into.size());
    if (progress.want == Want::nothing) co_return progress.count;
    if (progress.want == Want::end) {
      ec = asio::error::eof;
      co_return 0;
    }
    co_await socket_.async_wait(wait_for(progress.want), asio::redirect_error(awaiting, ec));
    if (ec || expired_) co_return 0;
  }
}

std::size_t Session::read_now(asio::mutable_buffer into, error_code& ec) {
  if (!tls_) return socket_.read_some(into, ec);
  const TlsStream::Progress progress = tls_->read(into.data(), into.size());
  set_error(progress.want, ec);
  return progress.count;
}

// From byte `at` of the two pieces on.
std::size_t Session::write_now(std::size_t at, std::string_view first, std::string_view second,
                               error_code& ec) {
  const std::string_view head = first.substr(std::min(at, first.size()));
  const std::string_view tail = second.substr(at - std::min(at, first.size()));
  if (tls_) {
    const TlsStream::Progress progress = tls_->write(head, tail);
    set_error(progress.want, ec);
    return progress.count;
  }
  const std::array<asio::const_buffer, 2> pieces = {asio::const_buffer(head.data(), head.size()),
                                                    asio::const_buffer(tail.data(), tail.size())};
  return socket_.write_some(pieces, ec);
}

}  // namespace quern::http
