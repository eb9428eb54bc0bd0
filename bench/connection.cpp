#include "connection.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace quern::bench {
namespace {

constexpr timeval connect_timeout{.tv_sec = 5, .tv_usec = 0};

// Nearly every answer fits, so that one call reads it: edge-triggered, a read that leaves room in
// the buffer has emptied the socket.
constexpr std::size_t read_bytes = std::size_t{64} << 10;

}  // namespace

Address::Address(const std::string& host, const std::string& port) : authority_(host + ":" + port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found_);
  if (error != 0) throw LoadError(authority_ + ": " + gai_strerror(error));
}

Address::~Address() { freeaddrinfo(found_); }

int Address::connect() const {
  const int socket = ::socket(found_->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) throw LoadError(std::string("socket: ") + std::strerror(errno));
  setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &connect_timeout, sizeof connect_timeout);
  if (::connect(socket, found_->ai_addr, found_->ai_addrlen) != 0) {
    const std::string reason = std::strerror(errno);
    close(socket);
    throw LoadError("cannot connect to " + authority_ + ": " + reason);
  }
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket;
}

Connection::Connection(Connection&& other) noexcept
    : address_(other.address_),
      wire_(other.wire_),
      queue_(std::move(other.queue_)),
      socket_(std::exchange(other.socket_, -1)),
      out_(std::move(other.out_)),
      sent_(other.sent_),
      in_(std::move(other.in_)),
      head_(other.head_),
      head_known_(other.head_known_),
      ended_(other.ended_) {}

Connection::~Connection() {
  if (socket_ >= 0) close(socket_);
}

void Connection::open() {
  if (socket_ >= 0) close(std::exchange(socket_, -1));
  request();
  ended_ = false;
  socket_ = address_->connect();
  try {
    greet(wire_, socket_, queue_);
  } catch (const std::runtime_error& error) {
    throw LoadError(error.what());
  }
  fcntl(socket_, F_SETFL, O_NONBLOCK);
}

std::string& Connection::request() {
  out_.clear();
  sent_ = 0;
  in_.clear();
  head_ = {};
  head_known_ = false;
  return out_;
}

// An error needs no answer here: the socket then reports it through epoll as well.
void Connection::send() {
  while (sent_ < out_.size()) {
    const ssize_t n = ::send(socket_, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (n < 0) return;
    sent_ += static_cast<std::size_t>(n);
  }
}

Connection::State Connection::advance(std::uint32_t epoll_events) {
  if (sent_ < out_.size()) send();
  if ((epoll_events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) ended_ = true;
  if ((epoll_events & ~std::uint32_t{EPOLLOUT}) == 0) return State::waiting;
  if (!receive()) ended_ = true;
  const State state = read_response();
  return state == State::waiting && ended_ ? State::lost : state;
}

bool Connection::receive() {
  std::array<char, read_bytes> buffer;  // not initialised on purpose: recv() fills it
  while (true) {
    const ssize_t n = recv(socket_, buffer.data(), buffer.size(), 0);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    if (n == 0) return false;
    in_.append(buffer.data(), static_cast<std::size_t>(n));
    if (static_cast<std::size_t>(n) < buffer.size()) return true;
  }
}

Connection::State Connection::read_response() {
  if (!head_known_) {
    const ParsedHead parsed = parse_answer(wire_, in_);
    if (parsed.state == ParsedHead::State::malformed) return State::malformed;
    if (parsed.state == ParsedHead::State::partial) return State::waiting;
    head_ = parsed.head;
    head_known_ = true;
  }
  const std::size_t wanted = head_.head_bytes + head_.body_bytes;
  if (in_.size() > wanted) return State::malformed;
  return in_.size() == wanted ? State::answered : State::waiting;
}

}  // namespace quern::bench
