#include "fake_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>

namespace quern::test {
namespace {

bool send_all(int socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

// Appends what arrives to `buffer` until `enough`; false when the client is gone.
template <typename Enough>
bool receive_until(int socket, std::string& buffer, const Enough& enough) {
  while (!enough()) {
    char bytes[4096];
    const ssize_t got = ::recv(socket, bytes, sizeof bytes, 0);
    if (got <= 0) return false;
    buffer.append(bytes, static_cast<std::size_t>(got));
  }
  return true;
}

std::size_t content_length(const std::string& headers) {
  constexpr std::string_view name = "Content-Length:";
  for (std::size_t at = 0; at + name.size() < headers.size(); ++at) {
    if (::strncasecmp(headers.data() + at, name.data(), name.size()) == 0) {
      return std::stoul(headers.substr(at + name.size()));
    }
  }
  return 0;
}

bool receive_request(int socket, std::string& buffer, FakeRequest& request) {
  std::size_t end = std::string::npos;
  if (!receive_until(socket, buffer, [&] {
        end = buffer.find("\r\n\r\n");
        return end != std::string::npos;
      })) {
    return false;
  }
  request.headers = buffer.substr(0, end + 2);
  buffer.erase(0, end + 4);
  const std::size_t length = content_length(request.headers);
  if (!receive_until(socket, buffer, [&] { return buffer.size() >= length; })) return false;
  request.body = buffer.substr(0, length);
  buffer.erase(0, length);
  const std::size_t space = request.headers.find(' ');
  request.method = request.headers.substr(0, space);
  request.target =
      request.headers.substr(space + 1, request.headers.find(' ', space + 1) - space - 1);
  return true;
}

}  // namespace

bool FakeRequest::client_gone() const {
  char byte = 0;
  return ::recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

FakeAnswer problem(int status, const std::string& code, const std::string& detail) {
  return {.status = status,
          .body = R"({"type": "/problems/x", "title": "Title", "status": )" +
                  std::to_string(status) + R"(, "detail": ")" + detail + R"(", "code": ")" + code +
                  "\"}",
          .content_type = "application/problem+json"};
}

FakeServer::FakeServer(Handle handle, std::uint16_t port)
    : handle_(std::move(handle)), port_(port) {
  start();
}

FakeServer::~FakeServer() { stop(); }

std::vector<FakeRequest> FakeServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void FakeServer::start() {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port_);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, generic, &size) != 0) {
    throw std::runtime_error("the fake server cannot listen");
  }
  port_ = ntohs(address.sin_port);
  running_ = true;
  acceptor_ = std::thread([this, listener = listener_] { accept_all(listener); });
}

void FakeServer::stop() {
  if (!running_.exchange(false)) return;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
  const std::lock_guard lock(mutex_);
  for (const int socket : sockets_) ::close(socket);
  sockets_.clear();
}

void FakeServer::accept_all(int listener) {
  for (;;) {
    const int socket = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    const std::lock_guard lock(mutex_);
    sockets_.push_back(socket);
    threads_.emplace_back([this, socket, number = ++connections_] { serve(socket, number); });
  }
}

void FakeServer::serve(int socket, std::uint64_t number) {
  std::string buffer;
  FakeRequest request{.connection = number, .socket = socket};
  while (running_ && receive_request(socket, buffer, request)) {
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    if (!reply(socket, handle_(request))) break;
  }
  ::shutdown(socket, SHUT_RDWR);
}

// False when the connection is to be closed.
bool FakeServer::reply(int socket, const FakeAnswer& answer) {
  using Manner = FakeAnswer::Manner;
  if (answer.manner == Manner::hang_up) return false;
  if (answer.manner == Manner::stay_silent || answer.manner == Manner::after_half_close) {
    wait_for_end(socket);
    if (answer.manner == Manner::stay_silent) return false;
  }
  if (answer.manner == Manner::raw) {
    send_all(socket, answer.body);
    return false;
  }
  std::string text = "HTTP/1.1 " + std::to_string(answer.status) +
                     " X\r\nContent-Type: " + answer.content_type + "\r\n" + answer.extra_headers +
                     "Content-Length: " + std::to_string(answer.body.size()) + "\r\n\r\n" +
                     answer.body;
  if (answer.manner == Manner::answer_half) text.resize(text.size() - answer.body.size() / 2 - 1);
  return send_all(socket, text) && answer.manner == Manner::answer;
}

// Until the client has closed its sending side, or stop().
void FakeServer::wait_for_end(int socket) {
  char byte = 0;
  while (::recv(socket, &byte, 1, 0) > 0) {
  }
}

}  // namespace quern::test
