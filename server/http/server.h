// The HTTP front: listens, spreads connections over io threads, and brings the engine's replies
// back to whoever waits for them.
//
// Threads  start(), use(), drain(), stop(): the owner's. As a ReplySink: the engine's.
// Errors   listen: store_unavailable is never one; internal: the address cannot be bound, with the
//          system's reason.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine_port.h"
#include "http/credentials.h"
#include "http/endpoint.h"
#include "http/listen_address.h"
#include "http/raw_head.h"
#include "http/request_figures.h"
#include "http/timeouts.h"

namespace quern::http {

struct ServerOptions {
  ListenAddress listen;
  std::vector<std::string> allowed_hosts;  // beside the loopback names and the listen address
  std::size_t io_threads = 1;
  std::size_t connections_max = 12'000;
  std::size_t body_memory_bytes_max = std::size_t{1} << 30;    // of large bodies under way, in all
  std::size_t answer_memory_bytes_max = std::size_t{1} << 30;  // that clients have not taken yet
  RequestLimits limits;
  HeadLimits head;
  std::uint32_t failed_tries_per_minute_max = 10;  // wrong tokens of one address before 429
  Timeouts timeouts;
  Credentials credentials;
  ServerInfo info;
  std::function<Timestamp()> now;
  std::function<std::string()> metrics;  // what GET /metrics shows; called on io threads
};

class Server final : public server::ReplySink {
 public:
  // Binds the address; connections are accepted from start() on.
  static Result<std::unique_ptr<Server>> listen(const ServerOptions& options,
                                                server::EnginePort& engine);
  ~Server() override;  // NOLINT(bugprone-exception-escape)

  std::string url() const;  // with the port that the system chose

  void start();
  // From now on. Parked calls whose token is gone are refused when their wait is over, and get
  // nothing before.
  void use(const Credentials& credentials);
  // Every connection closes after the answer to the request in hand; one that comes now gets one
  // answer.
  void drain();
  std::size_t session_count() const;
  HttpFigures figures() const;  // any thread
  // Closes what is left, and ends the threads.
  void stop();

  void deliver(std::vector<engine::Reply>&& replies) override;
  void fail_all(const Error& error) override;

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace quern::http
