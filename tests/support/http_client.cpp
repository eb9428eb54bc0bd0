#include "http_client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "exchange_log.h"

namespace quern::test {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::optional<std::string> find_header(const Headers& headers, std::string_view name) {
  for (const Header& header : headers) {
    if (same_name(header.name, name)) return header.value;
  }
  return std::nullopt;
}

[[noreturn]] void lost(const char* what) {
  throw ConnectionLost(std::string(what) + ": " + std::strerror(errno));
}

// Waits until `socket` has one of `events`; false when `deadline` passes first.
bool wait_for(int socket, short events, Clock::time_point deadline) {
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left < 0) return false;
    pollfd entry{socket, events, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(left) + 1);
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) lost("poll");
  }
}

std::size_t parse_number(std::string_view text, int base) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) {
    throw ProtocolViolation("not a length: '" + std::string(text) + "'");
  }
  return value;
}

int parse_status_line(const std::string& line) {
  const bool shaped = line.size() >= 13 && line.starts_with("HTTP/1.1 ") && line[12] == ' ';
  if (!shaped) throw ProtocolViolation("not an HTTP/1.1 status line: '" + line + "'");
  return static_cast<int>(parse_number(std::string_view(line).substr(9, 3), 10));
}

Header parse_header(const std::string& line) {
  const std::size_t colon = line.find(':');
  if (colon == 0 || colon == std::string::npos || line[colon - 1] == ' ') {
    throw ProtocolViolation("not a header: '" + line + "'");
  }
  const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
  if (begin == std::string::npos) return {line.substr(0, colon), ""};
  const std::size_t end = line.find_last_not_of(" \t");
  return {line.substr(0, colon), line.substr(begin, end - begin + 1)};
}

}  // namespace

std::optional<std::string> Response::header(std::string_view name) const {
  return find_header(headers, name);
}

Json Response::json() const {
  Json value = Json::parse(body, nullptr, false);
  if (value.is_discarded()) throw ProtocolViolation("not JSON: '" + body.substr(0, 500) + "'");
  return value;
}

std::string to_bytes(const Request& request, std::uint16_t port) {
  std::string bytes = request.method + " " + request.target + " HTTP/1.1\r\n";
  if (!find_header(request.headers, "Host")) {
    bytes += "Host: 127.0.0.1:" + std::to_string(port) + "\r\n";
  }
  if (request.body) {
    if (!request.content_type.empty()) bytes += "Content-Type: " + request.content_type + "\r\n";
    bytes += "Content-Length: " + std::to_string(request.body->size()) + "\r\n";
  } else if (request.method != "GET" && request.method != "HEAD" && request.method != "DELETE") {
    bytes += "Content-Length: 0\r\n";
  }
  for (const Header& header : request.headers) bytes += header.name + ": " + header.value + "\r\n";
  bytes += "\r\n";
  if (request.body) bytes += *request.body;
  return bytes;
}

// --- Connection

Connection::Connection(std::uint16_t port) {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket_ < 0) lost("socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int result =
      ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  int error = result == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    socklen_t size = sizeof error;
    if (!wait_for(socket_, POLLOUT, Clock::now() + patience))
      error = ETIMEDOUT;
    else
      ::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &size);
  }
  if (error != 0) {
    close();
    errno = error;
    lost("connect");
  }
  const int on = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Connection::~Connection() { close(); }

Connection::Connection(Connection&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), buffer_(std::move(other.buffer_)) {}

Connection& Connection::operator=(Connection&& other) noexcept {
  std::swap(socket_, other.socket_);
  std::swap(buffer_, other.buffer_);
  return *this;
}

void Connection::close() {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

void Connection::finish_sending() { ::shutdown(socket_, SHUT_WR); }

void Connection::abort() {
  const linger reset{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  close();
}

void Connection::send(std::string_view bytes) {
  const auto deadline = Clock::now() + patience;
  while (!bytes.empty()) {
    const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      if (!wait_for(socket_, POLLOUT, deadline)) throw TimedOut("the server takes no more bytes");
    } else if (errno != EINTR) {
      lost("send");
    }
  }
}

bool Connection::readable() const {
  return !buffer_.empty() || wait_for(socket_, POLLIN, Clock::now());
}

void Connection::fill(Clock::time_point deadline) {
  std::array<char, 64 * 1024> chunk;
  for (;;) {
    const ssize_t count = ::recv(socket_, chunk.data(), chunk.size(), 0);
    if (count > 0) {
      buffer_.append(chunk.data(), static_cast<std::size_t>(count));
      return;
    }
    if (count == 0) throw ConnectionLost("the server closed the connection");
    if (errno == EAGAIN) {
      if (!wait_for(socket_, POLLIN, deadline)) throw TimedOut("no answer in time");
    } else if (errno != EINTR) {
      lost("recv");
    }
  }
}

std::string Connection::take_line(Clock::time_point deadline) {
  std::size_t end;
  while ((end = buffer_.find("\r\n")) == std::string::npos) fill(deadline);
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  if (line.find('\n') != std::string::npos) throw ProtocolViolation("a bare LF: '" + line + "'");
  return line;
}

std::string Connection::take(std::size_t count, Clock::time_point deadline) {
  while (buffer_.size() < count) fill(deadline);
  std::string bytes = buffer_.substr(0, count);
  buffer_.erase(0, count);
  return bytes;
}

std::string Connection::take_chunked(Clock::time_point deadline) {
  std::string body;
  for (;;) {
    const std::size_t size = parse_number(take_line(deadline), 16);
    body += take(size, deadline);
    if (!take_line(deadline).empty())
      throw ProtocolViolation("a chunk without its end, or a trailer");
    if (size == 0) return body;
  }
}

Response Connection::receive(bool to_head, std::chrono::milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  Response response;
  response.status = parse_status_line(take_line(deadline));
  for (std::string line; !(line = take_line(deadline)).empty();) {
    response.headers.push_back(parse_header(line));
  }
  const auto length = response.header("Content-Length");
  const auto coding = response.header("Transfer-Encoding");
  const bool bodiless = response.status < 200 || response.status == 204 || response.status == 304;
  if (length && coding) throw ProtocolViolation("both Content-Length and Transfer-Encoding");
  if (bodiless && (coding || (length && *length != "0"))) {
    throw ProtocolViolation("a body where there can be none");
  }
  if (to_head || bodiless) return response;
  if (coding) {
    if (!same_name(*coding, "chunked")) throw ProtocolViolation("transfer coding " + *coding);
    response.body = take_chunked(deadline);
  } else if (length) {
    response.body = take(parse_number(*length, 10), deadline);
  } else {
    throw ProtocolViolation("neither Content-Length nor Transfer-Encoding");
  }
  return response;
}

bool Connection::closed_by_server(std::chrono::milliseconds timeout) {
  if (!buffer_.empty()) return false;
  try {
    fill(Clock::now() + timeout);
    return false;
  } catch (const ConnectionLost&) {
    return true;
  } catch (const TimedOut&) {
    return false;
  }
}

// --- Client

Response Client::send(const Request& request, std::chrono::milliseconds timeout) {
  // What is readable before anything was asked is the end of an idle connection.
  if (connection_ && connection_->readable()) connection_.reset();
  if (!connection_) connection_.emplace(port_);
  try {
    connection_->send(to_bytes(request, port_));
    Response response;
    do {
      response = connection_->receive(request.method == "HEAD", timeout);
    } while (response.status < 200);
    if (log_ == Log::on) log_exchange(request, response);
    const auto next = response.header("Connection");
    if (next && same_name(*next, "close")) connection_.reset();
    return response;
  } catch (...) {
    connection_.reset();
    throw;
  }
}

Response Client::get(std::string target, Headers headers) {
  return send(
      {.method = "GET", .target = std::move(target), .headers = std::move(headers), .body = {}});
}
Response Client::head(std::string target, Headers headers) {
  return send(
      {.method = "HEAD", .target = std::move(target), .headers = std::move(headers), .body = {}});
}
Response Client::del(std::string target, Headers headers) {
  return send(
      {.method = "DELETE", .target = std::move(target), .headers = std::move(headers), .body = {}});
}
Response Client::post(std::string target) {
  return send({.method = "POST", .target = std::move(target), .headers = {}, .body = {}});
}
Response Client::post(std::string target, const Json& body, Headers headers) {
  return send({.method = "POST",
               .target = std::move(target),
               .headers = std::move(headers),
               .body = body.dump()});
}
Response Client::post_text(std::string target, std::string body, Headers headers) {
  return send({.method = "POST",
               .target = std::move(target),
               .headers = std::move(headers),
               .body = std::move(body)});
}
Response Client::put(std::string target, const Json& body, Headers headers) {
  return send({.method = "PUT",
               .target = std::move(target),
               .headers = std::move(headers),
               .body = body.dump()});
}
Response Client::patch(std::string target, const Json& body, Headers headers) {
  return send({.method = "PATCH",
               .target = std::move(target),
               .headers = std::move(headers),
               .body = body.dump()});
}

// --- PendingCall

PendingCall::PendingCall(std::uint16_t port, Request request)
    : request_(std::move(request)), connection_(port) {
  connection_.send(to_bytes(request_, port));
}

Response PendingCall::wait(std::chrono::milliseconds timeout) {
  Response response = connection_.receive(request_.method == "HEAD", timeout);
  log_exchange(request_, response);
  return response;
}

}  // namespace quern::test
