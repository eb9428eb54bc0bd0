// A TCP proxy in front of a server, which makes trouble on demand: what a network, a load balancer
// or a dying server does to a client.
//
// Shape    Passes bytes on in both directions, ends of streams too. Each Trouble holds for all
//          connections, from the next bytes on. Where bytes were swallowed the connection stays
//          silent for good, as the two sides no longer agree on what was said.
// Threads  any. One thread of its own moves the bytes.
// Errors   throws when it cannot listen. While the server is away, what is accepted is closed.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <thread>

namespace quern::test {

struct Trouble {
  enum class Kind : std::uint8_t {
    none,
    drop_request,     // closes the connection instead of passing a request on
    cut_answer,       // closes it after `answer_bytes` of an answer
    reset_answer,     // the same, with a reset (RST)
    swallow_request,  // the server never hears of it: accepts and never answers
    swallow_answer,   // the server has done it, and nobody learns
  };
  Kind kind = Kind::none;
  std::size_t answer_bytes = 0;
  std::chrono::milliseconds delay{0};  // by which every piece of an answer comes later
};

const char* to_string(Trouble::Kind kind);

class TcpProxy {
 public:
  explicit TcpProxy(std::uint16_t server_port);
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  std::uint16_t port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  void make(Trouble trouble);
  void make(Trouble::Kind kind) { make(Trouble{.kind = kind}); }
  void end_trouble() { make(Trouble{}); }
  // How often trouble has struck so far: a connection closed, reset or gone silent.
  std::size_t struck() const { return struck_; }
  std::size_t accepted() const { return accepted_; }

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  struct Connection {
    int client = -1;
    int server = -1;
    std::string to_server;  // received and not sent on yet
    std::string to_client;
    SteadyTime to_client_at{};  // when that may be sent
    std::size_t answered = 0;   // bytes since the last of a request
    bool client_ended = false;  // it will send nothing more
    bool server_ended = false;
    bool silent = false;
    bool doomed = false;  // to be closed once what it still holds is sent
    bool reset = false;   // and with a reset
  };

  void run();
  void wait_for_events() const;
  void accept_one();
  // Moves what can be moved. False when the connection is over.
  bool move(Connection& connection, const Trouble& trouble);
  bool receive_request(Connection& connection, const Trouble& trouble);
  void receive_answer(Connection& connection, const Trouble& trouble);
  Trouble trouble() const;

  std::uint16_t server_port_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  int wake_ = -1;  // an eventfd
  mutable std::mutex mutex_;
  Trouble trouble_;
  std::list<Connection> connections_;  // the thread's own
  std::atomic<std::size_t> struck_ = 0;
  std::atomic<std::size_t> accepted_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace quern::test
