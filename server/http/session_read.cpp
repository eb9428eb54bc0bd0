// The reading half of a connection: heads, bodies, and whether the client is still there.
#include <poll.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <cassert>
#include <utility>

#include "http/head_parser.h"
#include "http/session.h"

namespace quern::http {
namespace {

using boost::system::error_code;

constexpr std::size_t body_read_bytes = std::size_t{64} << 10;
// A larger body's memory is given back after the request.
constexpr std::size_t body_kept_bytes_max = std::size_t{64} << 10;

Error too_slow(std::string_view what) {
  return Error{.code = ErrorCode::request_timeout,
               .detail = std::string(what) + " took too long to arrive"};
}

Error no_room() {
  return Error{.code = ErrorCode::overloaded,
               .detail = "too many large requests are under way; repeat this one in a moment"};
}

}  // namespace

std::string_view Session::buffered() const {
  const auto bytes = buffer_.cdata();
  return {static_cast<const char*>(bytes.data()), bytes.size()};
}

Awaitable<bool> Session::receive_head() {
  RawHeadScanner scanner(env_.admission.head);
  // The answer before ends where the wait for the next request begins: one look at the clock.
  count_answer(enter(Phase::idle));
  // Nothing of the request before may show in a refusal of this one.
  head_.clear();
  request_ = {};
  request_id_.clear();
  route_ = nullptr;
  response_.clear();
  // The command that the last body became is done with, too.
  body_share_.release();
  for (;;) {
    if (buffer_.size() > 0) {
      if (phase_ == Phase::idle) received_at_ = enter(Phase::header);
      Result<std::size_t> size = scanner.scan(buffered());
      if (!size) co_return co_await refuse(std::move(size).error());
      if (*size > 0) {
        block_.assign(buffered().substr(0, *size));
        buffer_.consume(*size);
        co_return true;
      }
    } else if (answered_ && env_.draining.load(std::memory_order_relaxed)) {
      co_return false;
    }
    error_code ec;
    const std::size_t count = co_await read_some(read_bytes, ec);
    if (!take_in(count, ec)) {
      if (expired_ && phase_ == Phase::header && !broken_) {
        co_return co_await refuse(too_slow("the header"));
      }
      co_return false;
    }
  }
}

// Nearly all bodies come with their heads: no coroutine for these.
bool Session::body_is_here(const Framing& framing) {
  if (!framing.has_body()) return true;
  if (framing.chunked || buffer_.size() < framing.content_length) return false;
  body_in_buffer_ = static_cast<std::size_t>(framing.content_length);
  request_.body = buffered().substr(0, body_in_buffer_);
  return true;
}

Awaitable<bool> Session::receive_body(const Admitted& admitted) {
  const Framing& framing = admitted.framing;
  if (admitted.expects_continue && buffer_.size() == 0) {
    if (!co_await write("HTTP/1.1 100 Continue\r\n\r\n", {})) co_return false;
  }
  enter(Phase::body);
  if (framing.chunked) co_return co_await receive_chunked();
  co_return co_await receive_fixed(static_cast<std::size_t>(framing.content_length));
}

Awaitable<bool> Session::receive_fixed(std::size_t length) {
  std::size_t filled = buffer_.size();
  body_.assign(buffered());
  buffer_.consume(filled);
  while (filled < length) {
    if (filled == body_.size()) {
      // Memory follows what has come, not what was announced.
      const std::size_t size = std::min(length, std::max(2 * filled, body_read_bytes));
      if (!body_share_.grow_to(size)) co_return co_await refuse(no_room());
      body_.resize(size);
    }
    error_code ec;
    const asio::mutable_buffer rest(body_.data() + filled, body_.size() - filled);
    if (tls_) {
      filled += co_await read_tls(rest, ec);
    } else {
      filled += co_await socket_.async_read_some(rest, asio::redirect_error(awaiting, ec));
    }
    if (ec || expired_) co_return co_await fail_body();
  }
  request_.body = body_;
  co_return true;
}

Awaitable<bool> Session::receive_chunked() {
  ChunkedBody chunked(block_, env_.admission.body_bytes_max);
  for (;;) {
    Result<std::size_t> used = chunked.feed(buffered());
    if (!used) co_return co_await refuse(std::move(used).error());
    buffer_.consume(*used);
    if (chunked.done()) break;
    if (!body_share_.grow_to(chunked.body().size())) co_return co_await refuse(no_room());
    if (!co_await read_more(body_read_bytes)) co_return co_await fail_body();
  }
  body_ = std::move(chunked.body());
  request_.body = body_;
  co_return true;
}

Awaitable<bool> Session::fail_body() {
  if (expired_ && !broken_) co_return co_await refuse(too_slow("the body"));
  co_return false;
}

// The command has all it needs of the body.
void Session::drop_body() {
  request_.body = {};
  buffer_.consume(std::exchange(body_in_buffer_, 0));
  if (body_.capacity() > body_kept_bytes_max) std::string().swap(body_);
}

// No coroutine of its own; `ec` outlives the wait.
Awaitable<std::size_t> Session::read_some(std::size_t bytes_max, error_code& ec) {
  const std::size_t room = std::min(bytes_max, buffer_.max_size() - buffer_.size());
  assert(room > 0);
  if (tls_) return read_tls(buffer_.prepare(room), ec);
  return socket_.async_read_some(buffer_.prepare(room), asio::redirect_error(awaiting, ec));
}

bool Session::take_in(std::size_t count, const error_code& ec) {
  if (ec || expired_) return false;
  buffer_.commit(count);
  return true;
}

Awaitable<bool> Session::read_more(std::size_t bytes_max) {
  error_code ec;
  const std::size_t count = co_await read_some(bytes_max, ec);
  co_return take_in(count, ec);
}

// --- waiting for the engine ---------------------------------------------------------------------

Awaitable<void> Session::await_outcome(bool watched) {
  waiting_ = true;
  watched_ = watched;
  // With TLS something may be here already that no socket will tell of. It is looked at once this
  // waits: it may be the client's end.
  if (watched && tls_) {
    asio::post(thread_.context(), [self = shared_from_this()] { self->on_readable(); });
  } else if (watched) {
    watch_client();
  }
  return asio::async_initiate<const asio::use_awaitable_t<Executor>, void()>(
      [this](auto&& resume) { resume_.emplace(std::forward<decltype(resume)>(resume)); }, awaiting);
}

void Session::resume(engine::Outcome&& outcome) {
  if (!waiting_) return;
  outcome_ = std::move(outcome);
  wake();
}

// Without an outcome: the wait is over because the client is gone.
void Session::wake() {
  if (!waiting_) return;
  waiting_ = false;
  Resume resume = *std::move(resume_);
  resume_.reset();
  resume();  // may be the end of *this
}

void Session::watch_client() {
  if (watching_) return;
  watching_ = true;
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](const error_code& ec) {
    self->watching_ = false;
    if (!ec) self->on_readable();
  });
}

// The next request, or the end of the connection. While there is room, requests are taken in: the
// end can only be seen behind them.
void Session::on_readable() {
  if (!waiting_ || !watched_) return;
  // To the end of what is here: of what TLS has taken off the socket nobody would be told.
  for (error_code ec; !ec;) {
    const std::size_t room = std::min(read_bytes, buffer_.max_size() - buffer_.size());
    if (room == 0) return;
    const std::size_t count = read_now(buffer_.prepare(room), ec);
    if (ec && ec != asio::error::would_block) return wake();
    if (!ec) buffer_.commit(count);
  }
  watch_client();
}

// A last look before leases go out: what is written to a closed connection is lost in silence.
bool Session::client_is_gone() {
  pollfd poll_for{.fd = socket_.native_handle(), .events = POLLRDHUP, .revents = 0};
  if (::poll(&poll_for, 1, 0) <= 0) return false;
  return (poll_for.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
}

}  // namespace quern::http
