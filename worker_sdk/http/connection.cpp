// The one file of the SDK that sees Beast and, with tls.cpp, Asio.
#include "http/connection.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/span_body.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <charconv>
#include <optional>
#include <utility>

#include "http/resolve.h"
#include "http/tls.h"
#include "quern/version.h"

namespace quern::sdk {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::beast::flat_buffer;
using boost::system::error_code;
using Tls = asio::ssl::stream<tcp::socket&>;

// An answer that is under way when a call is stopped has this long to arrive: enough for a busy
// server, and short enough for a person who waits for a worker to end.
constexpr std::chrono::seconds stop_linger{3};

// What one read may bring. Beast reads no more than the buffer has room for: one that grows from
// nothing takes the answer to a lease of 64 tasks in 90 system calls instead of one or two.
constexpr std::size_t read_bytes_max = 64 * 1024;

// An answer that has come so far may take so long for as much again, whatever the deadline was.
constexpr std::size_t progress_bytes = 64 * 1024;
constexpr std::chrono::seconds stall_max{5};

class Settings : public ConnectionSettings {
 public:
  Settings(Endpoint endpoint, std::string token)
      : endpoint(std::move(endpoint)), token(std::move(token)) {}

  Endpoint endpoint;
  std::string token;
  mutable std::optional<asio::ssl::context> tls;  // OpenSSL counts references under its own lock
};

Error unreachable(const Endpoint& endpoint, const std::string& why) {
  return Error{.code = ErrorCode::unreachable, .detail = endpoint.url() + ": " + why};
}

class AsioConnection : public Connection {
 public:
  explicit AsioConnection(std::shared_ptr<const Settings> settings)
      : settings_(std::move(settings)), socket_(io_), timer_(io_) {
    buffer_.reserve(read_bytes_max);
  }

  Result<void> connect(SteadyTime deadline) {
    const Endpoint& endpoint = settings_->endpoint;
    const auto addresses = resolve(endpoint.host, deadline);
    if (!addresses) return unreachable(endpoint, addresses.error().detail);
    const auto port = static_cast<std::uint16_t>(std::stoul(endpoint.port));
    Result<void> connected;
    // Each has its share of the time, so that one that swallows everything does not hide the next.
    for (std::size_t left = addresses->size(); left > 0; --left) {
      const SteadyTime now = std::chrono::steady_clock::now();
      deadline_ = now + (deadline - now) / static_cast<int>(left);
      auto once = connect_to((*addresses)[addresses->size() - left], port);
      if (once) {
        deadline_ = deadline;
        return endpoint.tls ? shake_hands() : Ok{};
      }
      if (connected) connected = std::move(once);  // the first address is the one people mean
    }
    return connected;
  }

  Result<HttpResponse> exchange(const HttpRequest& request, SteadyTime deadline,
                                std::stop_token stop) override {
    deadline_ = deadline;
    keep_alive_ = false;  // until this exchange has ended well
    std::stop_callback on_stop(stop, [this, round = ++round_] {
      asio::post(io_, [this, round] {
        if (round == round_) stop_sending();
      });
    });
    auto answer = tls_ ? exchange_over(*tls_, request) : exchange_over(socket_, request);
    ++round_;  // a stop that comes now is too late
    return answer;
  }

  bool reusable() override {
    if (!keep_alive_ || !socket_.is_open()) return false;
    // Readable while nothing was asked: the server has closed, or talks out of turn.
    error_code error;
    char byte;
    socket_.non_blocking(true, error);
    socket_.receive(asio::buffer(&byte, 1), tcp::socket::message_peek, error);
    return error == asio::error::would_block;
  }

 private:
  // Starts one operation, given the handler to call at its end, and runs it to its end or to the
  // deadline.
  template <typename Start>
  error_code run(const Start& start) {
    std::optional<error_code> result;
    timed_out_ = false;
    const std::uint64_t operation = ++operation_;
    arm_timer(deadline_, operation);
    start([&result](error_code error) { result = error; });
    io_.restart();
    while (!result && io_.run_one() != 0) {
    }
    ++operation_;  // a timer that has expired but not run yet finds that it is too late
    timer_.cancel();
    return result.value_or(asio::error::operation_aborted);
  }

  Result<void> connect_to(const std::string& text, std::uint16_t port) {
    error_code error;
    const auto address = asio::ip::make_address(text, error);
    if (!error) {
      socket_.close(error);  // of the address before
      error = run([&](auto done) { socket_.async_connect({address, port}, done); });
    }
    if (error) return failure("cannot connect", error);
    socket_.set_option(tcp::no_delay(true), error);
    return Ok{};
  }

  void arm_timer(SteadyTime when, std::uint64_t operation) {
    timer_.expires_at(when);
    timer_.async_wait([this, operation](error_code error) {
      if (error || operation != operation_) return;
      timed_out_ = true;
      error_code ignored;
      socket_.close(ignored);
    });
  }

  void stop_sending() {
    stopped_ = true;
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    deadline_ = std::min(deadline_, std::chrono::steady_clock::now() + stop_linger);
    arm_timer(deadline_, operation_);
  }

  Result<void> shake_hands() {
    tls_.emplace(socket_, *settings_->tls);
    SSL* const ssl = tls_->native_handle();
    if (auto expected = expect_host(ssl, settings_->endpoint.host); !expected) return expected;
    const error_code error = run([&](auto done) {
      tls_->async_handshake(asio::ssl::stream_base::client, [done](error_code e) { done(e); });
    });
    if (!error) return Ok{};
    if (timed_out_) return failure("TLS handshake failed", error);
    return handshake_error(ssl, error, settings_->endpoint.url());
  }

  template <typename Stream>
  Result<HttpResponse> exchange_over(Stream& stream, const HttpRequest& request) {
    auto message = compose(request);
    const error_code unsent = run([&](auto done) {
      http::async_write(stream, message, [done](error_code e, std::size_t) { done(e); });
    });
    if (unsent && timed_out_) return failure("the request could not be sent", unsent);
    // A server that refuses a request before it has read all of it (413) answers and closes: the
    // sending fails, but there is an answer.
    http::response_parser<http::string_body> parser;
    parser.body_limit(boost::none);  // we asked for it, and the server limits what it keeps
    if (const error_code error = receive(stream, parser)) {
      return unsent ? failure("the request could not be sent", unsent)
                    : failure("no answer", error);
    }
    keep_alive_ = !stopped_ && !unsent && parser.keep_alive() && buffer_.size() == 0;
    return translate(parser.release());
  }

  // An answer may be large and the way slow: as long as it keeps coming, it may go on.
  template <typename Stream>
  error_code receive(Stream& stream, http::response_parser<http::string_body>& parser) {
    parser.eager(true);
    std::size_t received = 0;
    for (std::size_t mark = 0; !parser.is_done();) {
      const error_code error = run([&](auto done) {
        http::async_read_some(stream, buffer_, parser, [&, done](error_code e, std::size_t count) {
          received += count;
          done(e);
        });
      });
      if (error) return error;
      if (received - mark >= progress_bytes && !stopped_) {
        deadline_ = std::max(deadline_, std::chrono::steady_clock::now() + stall_max);
        mark = received;
      }
    }
    return {};
  }

  http::request<http::span_body<const char>> compose(const HttpRequest& request) const {
    http::request<http::span_body<const char>> message;
    message.method_string(request.method);
    message.target(request.target);
    message.set(http::field::host, settings_->endpoint.authority);
    message.set(http::field::user_agent, "quern-sdk/" + std::string(version));
    message.set(http::field::accept, "application/json");
    if (!settings_->token.empty()) {
      message.set(http::field::authorization, "Bearer " + settings_->token);
    }
    if (!request.body.empty()) {
      message.set(http::field::content_type, request.content_type);
      message.body() = {request.body.data(), request.body.size()};
    }
    message.prepare_payload();
    return message;
  }

  static HttpResponse translate(http::response<http::string_body> message) {
    HttpResponse response{.status = message.result_int(),
                          .content_type = message[http::field::content_type],
                          .body = std::move(message.body())};
    const auto seconds = message[http::field::retry_after];
    std::from_chars(seconds.data(), seconds.data() + seconds.size(), response.retry_after_seconds);
    response.replayed = message["Idempotency-Replayed"] == "true";
    return response;
  }

  Error failure(const char* what, error_code error) const {
    if (timed_out_) return unreachable(settings_->endpoint, std::string(what) + " in time");
    if (error == http::error::end_of_stream || error == asio::error::eof) {
      return unreachable(settings_->endpoint,
                         std::string(what) + ": the server closed the connection");
    }
    // A connection that is cut short is no more than that; other errors of the parser mean that
    // what came is not HTTP.
    if (error.category() == make_error_code(http::error::bad_version).category() &&
        error != http::error::partial_message) {
      return Error{.code = ErrorCode::bad_response,
                   .detail = settings_->endpoint.url() +
                             ": what answers there does not speak HTTP" + " as we do (" +
                             error.message() + "): is a Quern server there?"};
    }
    return unreachable(settings_->endpoint, std::string(what) + ": " + error.message());
  }

  std::shared_ptr<const Settings> settings_;
  asio::io_context io_{1};
  tcp::socket socket_;
  std::optional<Tls> tls_;
  asio::steady_timer timer_;
  flat_buffer buffer_;
  SteadyTime deadline_;
  std::uint64_t operation_ = 0;  // counts calls of run(), twice
  std::uint64_t round_ = 0;      // counts exchanges, twice
  bool timed_out_ = false;
  bool stopped_ = false;
  bool keep_alive_ = true;
};

}  // namespace

Result<std::shared_ptr<const ConnectionSettings>> ConnectionSettings::make(
    const Endpoint& endpoint, const std::string& token, const std::string& ca_file) {
  auto settings = std::make_shared<Settings>(endpoint, token);
  if (endpoint.tls) {
    settings->tls.emplace(asio::ssl::context::tls_client);
    if (auto trusted = trust(*settings->tls, ca_file); !trusted) return trusted.error();
  }
  return std::shared_ptr<const ConnectionSettings>(std::move(settings));
}

Result<std::unique_ptr<Connection>> Connection::open(
    std::shared_ptr<const ConnectionSettings> settings, SteadyTime deadline) {
  auto connection =
      std::make_unique<AsioConnection>(std::static_pointer_cast<const Settings>(settings));
  if (auto connected = connection->connect(deadline); !connected) return connected.error();
  return std::unique_ptr<Connection>(std::move(connection));
}

}  // namespace quern::sdk
