#include "tcp_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <vector>

namespace quern::test {
namespace {

using Kind = Trouble::Kind;
using std::chrono::steady_clock;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

// -1 when nobody listens there.
int connect_to(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return socket;
  }
  ::close(socket);
  return -1;
}

void set_no_delay(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// What has arrived; empty: nothing just now, or `ended` is set.
std::string receive(int socket, bool& ended) {
  std::array<char, 16384> bytes;
  const ssize_t got = ::recv(socket, bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (got > 0) return {bytes.data(), static_cast<std::size_t>(got)};
  ended = got == 0 || (errno != EAGAIN && errno != EINTR);
  return {};
}

// Sends as much of `text` as the socket takes. False when the other side is gone.
bool send_some(int socket, std::string& text) {
  if (text.empty()) return true;
  const ssize_t sent = ::send(socket, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) return errno == EAGAIN || errno == EINTR;
  text.erase(0, static_cast<std::size_t>(sent));
  return true;
}

void close_with_reset(int socket) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(socket);
}

}  // namespace

const char* to_string(Kind kind) {
  switch (kind) {
    case Kind::none:
      return "none";
    case Kind::drop_request:
      return "drop_request";
    case Kind::cut_answer:
      return "cut_answer";
    case Kind::reset_answer:
      return "reset_answer";
    case Kind::swallow_request:
      return "swallow_request";
    case Kind::swallow_answer:
      return "swallow_answer";
  }
  return "?";
}

TcpProxy::TcpProxy(std::uint16_t server_port) : server_port_(server_port) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 256) != 0 ||
      ::getsockname(listener_, generic, &size) != 0) {
    throw std::runtime_error("the proxy cannot listen");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

TcpProxy::~TcpProxy() {
  stopping_ = true;
  ::eventfd_write(wake_, 1);
  thread_.join();
  ::close(listener_);
  ::close(wake_);
}

void TcpProxy::make(Trouble trouble) {
  const std::lock_guard lock(mutex_);
  trouble_ = trouble;
}

Trouble TcpProxy::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

void TcpProxy::run() {
  while (!stopping_) {
    wait_for_events();
    accept_one();
    for (auto at = connections_.begin(); at != connections_.end();) {
      if (move(*at, trouble())) {
        ++at;
        continue;
      }
      ::close(at->server);
      at->reset ? close_with_reset(at->client) : void(::close(at->client));
      at = connections_.erase(at);
    }
  }
  for (const Connection& connection : connections_) {
    ::close(connection.client);
    ::close(connection.server);
  }
}

// A side is read only when what it sent before has been passed on, so that a slow reader slows the
// writer down, as without a proxy.
void TcpProxy::wait_for_events() const {
  std::vector<pollfd> entries = {{listener_, POLLIN, 0}, {wake_, POLLIN, 0}};
  const auto now = steady_clock::now();
  auto wake_at = now + std::chrono::hours(1);
  const auto watch = [&entries](int socket, bool reads, bool writes) {
    const int events = (reads ? POLLIN : 0) | (writes ? POLLOUT : 0);
    if (events != 0) entries.push_back({socket, static_cast<short>(events), 0});
  };
  for (const Connection& connection : connections_) {
    const bool held_back = !connection.to_client.empty() && connection.to_client_at > now;
    if (held_back) wake_at = std::min(wake_at, connection.to_client_at);
    watch(connection.client, connection.to_server.empty() && !connection.client_ended,
          !connection.to_client.empty() && !held_back);
    watch(connection.server, connection.to_client.empty() && !connection.server_ended,
          !connection.to_server.empty());
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(wake_at - now);
  ::poll(entries.data(), entries.size(), static_cast<int>(left.count()));
}

void TcpProxy::accept_one() {
  const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  ++accepted_;
  const int server = connect_to(server_port_);
  if (server < 0) {
    ::close(client);
    return;
  }
  set_no_delay(client);
  set_no_delay(server);
  connections_.push_back({.client = client, .server = server});
}

bool TcpProxy::move(Connection& connection, const Trouble& trouble) {
  if (connection.to_server.empty() && !connection.client_ended &&
      !receive_request(connection, trouble)) {
    return false;
  }
  if (connection.to_client.empty() && !connection.server_ended) {
    receive_answer(connection, trouble);
  }
  if (!send_some(connection.server, connection.to_server)) return false;
  if (steady_clock::now() >= connection.to_client_at &&
      !send_some(connection.client, connection.to_client)) {
    return false;
  }
  if (connection.to_client.empty() && (connection.doomed || connection.server_ended)) {
    // A silent one goes on as if nothing had happened, until the client has had enough.
    return connection.silent && !connection.client_ended;
  }
  return !(connection.silent && connection.client_ended);
}

bool TcpProxy::receive_request(Connection& connection, const Trouble& trouble) {
  std::string piece = receive(connection.client, connection.client_ended);
  if (connection.client_ended) ::shutdown(connection.server, SHUT_WR);
  if (piece.empty() || connection.silent) return true;
  connection.answered = 0;
  if (trouble.kind == Kind::drop_request) {
    ++struck_;
    return false;
  }
  if (trouble.kind == Kind::swallow_request) {
    ++struck_;
    connection.silent = true;
    return true;
  }
  connection.to_server = std::move(piece);
  return true;
}

void TcpProxy::receive_answer(Connection& connection, const Trouble& trouble) {
  std::string piece = receive(connection.server, connection.server_ended);
  if (piece.empty() || connection.silent) return;
  if (trouble.kind == Kind::swallow_answer) {
    ++struck_;
    connection.silent = true;
    return;
  }
  const bool cuts = trouble.kind == Kind::cut_answer || trouble.kind == Kind::reset_answer;
  if (cuts && connection.answered + piece.size() > trouble.answer_bytes) {
    ++struck_;
    piece.resize(trouble.answer_bytes - std::min(trouble.answer_bytes, connection.answered));
    connection.doomed = true;
    connection.reset = trouble.kind == Kind::reset_answer;
  }
  connection.answered += piece.size();
  connection.to_client = std::move(piece);
  connection.to_client_at = steady_clock::now() + trouble.delay;
}

}  // namespace quern::test
