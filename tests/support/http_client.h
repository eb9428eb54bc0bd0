// A small HTTP/1.1 client over plain POSIX sockets. It shares no code with the server, can send any
// bytes at all, and reads answers strictly: what a sloppy client would forgive is an error here.
//
// Shape    Connection is one socket and bytes. Client is a keep-alive client on top of it that logs
//          what it exchanges (exchange_log.h). PendingCall is a request whose answer is yet to
//          come.
// Threads  each object belongs to one thread at a time.
// Errors   exceptions: ConnectionLost, TimedOut, ProtocolViolation.
// Source   RFC 9112.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace quern::test {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

// The one deadline for everything that ought to happen at once. Generous, since a miss is a failure
// and a hit costs nothing: sanitizers on a busy machine stay well below.
inline constexpr std::chrono::seconds patience{30};

struct ConnectionLost : std::runtime_error {
  using runtime_error::runtime_error;
};
struct TimedOut : std::runtime_error {
  using runtime_error::runtime_error;
};
struct ProtocolViolation : std::runtime_error {
  using runtime_error::runtime_error;
};

struct Header {
  std::string name;
  std::string value;
};
using Headers = std::vector<Header>;

struct Request {
  std::string method = "GET";
  std::string target = "/";
  Headers headers;  // beside Host, Content-Length and, with a body, Content-Type
  std::optional<std::string> body;
  std::string content_type = "application/json";  // of the body; "" leaves the header out
};

struct Response {
  int status = 0;
  Headers headers;
  std::string body;

  // The value of the header with this name in any case; nullopt when it is absent.
  std::optional<std::string> header(std::string_view name) const;
  // The body as JSON; throws ProtocolViolation when it is not.
  Json json() const;
};

// The bytes of `request` as one HTTP/1.1 message to a server on 127.0.0.1:`port`.
std::string to_bytes(const Request& request, std::uint16_t port);

class Connection {
 public:
  explicit Connection(std::uint16_t port);
  ~Connection();
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;

  void send(std::string_view bytes);
  // Reads one whole response. `to_head`: it answers HEAD, so that no body follows.
  Response receive(bool to_head = false, std::chrono::milliseconds timeout = patience);
  // Reads on until the server closes or `timeout` is over. True when it closed without sending
  // another byte.
  bool closed_by_server(std::chrono::milliseconds timeout = patience);
  // Whether there is something to read, or the end of the stream, at this moment.
  bool readable() const;
  // The server sees the end of the stream, and can still answer.
  void finish_sending();
  // Closes with a reset instead of an orderly end.
  void abort();
  void close();
  bool open() const { return socket_ >= 0; }

 private:
  void fill(Clock::time_point deadline);  // appends what has arrived to buffer_, waiting for it
  std::string take_line(Clock::time_point deadline);
  std::string take(std::size_t count, Clock::time_point deadline);
  std::string take_chunked(Clock::time_point deadline);

  int socket_ = -1;
  std::string buffer_;
};

class Client {
 public:
  enum class Log : bool { off, on };
  explicit Client(std::uint16_t port, Log log = Log::on) : port_(port), log_(log) {}

  // Connects again when the server had closed the connection after an earlier answer. A connection
  // that breaks during the call is ConnectionLost: whether to repeat is the caller's business.
  Response send(const Request& request, std::chrono::milliseconds timeout = patience);

  Response get(std::string target, Headers headers = {});
  Response head(std::string target, Headers headers = {});
  Response del(std::string target, Headers headers = {});
  Response post(std::string target);  // without a body
  Response post(std::string target, const Json& body, Headers headers = {});
  Response post_text(std::string target, std::string body, Headers headers = {});
  Response put(std::string target, const Json& body, Headers headers = {});
  Response patch(std::string target, const Json& body, Headers headers = {});

  void disconnect() { connection_.reset(); }
  std::uint16_t port() const { return port_; }

 private:
  std::uint16_t port_;
  Log log_;
  std::optional<Connection> connection_;
};

// A request that has been sent on its own connection and is answered later: a long-poll.
class PendingCall {
 public:
  PendingCall(std::uint16_t port, Request request);

  bool answered() const { return connection_.readable(); }
  Response wait(std::chrono::milliseconds timeout = patience);
  // The client is gone: the connection closes without an answer having been read.
  void abandon() { connection_.close(); }
  bool open() const { return connection_.open(); }

 private:
  Request request_;
  Connection connection_;
};

}  // namespace quern::test
