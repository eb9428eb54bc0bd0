// One keep-alive connection with at most one request in hand.
//
// Threads  one. The socket does not block; watch it with epoll, edge-triggered, for input and
//          output.
// Errors   LoadError: the server cannot be reached.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "response.h"
#include "wire.h"

struct addrinfo;

namespace quern::bench {

// Ends the run: there is nothing left to measure.
struct LoadError : std::runtime_error {
  using runtime_error::runtime_error;
};

// The server's address, looked up once for all connections.
class Address {
 public:
  Address(const std::string& host, const std::string& port);
  ~Address();
  Address(const Address&) = delete;
  Address& operator=(const Address&) = delete;

  int connect() const;  // a connected socket, without Nagle's delay
  std::string authority() const { return authority_; }

 private:
  addrinfo* found_ = nullptr;
  std::string authority_;
};

class Connection {
 public:
  // `queue`: what peers are told of when a connection is opened.
  Connection(const Address& address, Wire wire, std::string queue)
      : address_(&address), wire_(wire), queue_(std::move(queue)) {}
  ~Connection();
  Connection(Connection&& other) noexcept;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  Connection& operator=(Connection&&) = delete;

  void open();  // anew, if it was open
  int socket() const { return socket_; }

  // Empty, to be filled with one whole request; then send().
  std::string& request();
  void send();

  enum class State {
    waiting,
    answered,   // response() and body() are valid until request()
    lost,       // closed, reset or without answer; open() again
    malformed,  // what came is no answer that we read; open() again
  };
  State advance(std::uint32_t epoll_events);

  const ResponseHead& response() const { return head_; }
  std::string_view body() const { return std::string_view(in_).substr(head_.head_bytes); }
  // The server has closed its side, or said that it will.
  bool ended() const { return ended_ || head_.closes; }

 private:
  bool receive();  // false: nothing more will come
  State read_response();

  const Address* address_;
  Wire wire_;
  std::string queue_;
  int socket_ = -1;
  std::string out_;
  std::size_t sent_ = 0;
  std::string in_;
  ResponseHead head_;
  bool head_known_ = false;
  bool ended_ = false;
};

}  // namespace quern::bench
