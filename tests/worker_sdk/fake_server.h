// An HTTP server for tests that does exactly what it is told: answer, hang up, stay silent.
//
// Threads  `handle` is called from one thread per connection.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace quern::test {

struct FakeRequest {
  std::string method;
  std::string target;
  std::string headers;  // as received
  std::string body;
  std::uint64_t connection = 0;  // number of the connection it came over, from 1
  int socket = -1;

  // Whether the client has closed its sending side.
  bool client_gone() const;
};

struct FakeAnswer {
  enum class Manner : std::uint8_t {
    answer,
    hang_up,      // close without a word
    answer_half,  // close in the middle of the body
    answer_and_close,
    raw,               // the body's bytes alone, then close
    stay_silent,       // until the client goes or the server stops
    after_half_close,  // answer once the client has closed its sending side
  };

  int status = 200;
  std::string body = "{}";
  std::string content_type = "application/json";
  std::string extra_headers;  // "Retry-After: 1\r\n"
  Manner manner = Manner::answer;
};

FakeAnswer problem(int status, const std::string& code, const std::string& detail = "because");

class FakeServer {
 public:
  using Handle = std::function<FakeAnswer(const FakeRequest&)>;

  explicit FakeServer(Handle handle, std::uint16_t port = 0);
  ~FakeServer();

  std::uint16_t port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::vector<FakeRequest> requests() const;

  // Closes every connection and the listening socket, as a crash does; start() takes the same port.
  void stop();
  void start();

 private:
  void accept_all(int listener);
  void serve(int socket, std::uint64_t number);
  bool reply(int socket, const FakeAnswer& answer);
  void wait_for_end(int socket);

  Handle handle_;
  std::uint16_t port_;
  std::atomic<bool> running_{false};
  int listener_ = -1;
  std::thread acceptor_;
  mutable std::mutex mutex_;
  std::vector<FakeRequest> requests_;
  std::vector<int> sockets_;
  std::vector<std::thread> threads_;
  std::uint64_t connections_ = 0;
};

}  // namespace quern::test
