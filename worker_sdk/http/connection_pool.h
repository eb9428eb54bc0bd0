// Idle keep-alive connections, ready for the next call.
//
// Threads  any.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "http/connection.h"

namespace quern::sdk {

class ConnectionPool {
 public:
  ConnectionPool(std::shared_ptr<const ConnectionSettings> settings, std::size_t idle_max)
      : settings_(std::move(settings)), idle_max_(idle_max) {}

  // An idle connection that still lives, else a new one.
  Result<std::unique_ptr<Connection>> take(SteadyTime connect_deadline);
  // For the next call, if it can be used again.
  void give_back(std::unique_ptr<Connection> connection);

 private:
  struct Idle {
    std::unique_ptr<Connection> connection;
    SteadyTime since;
  };
  std::unique_ptr<Connection> pop_idle();

  std::shared_ptr<const ConnectionSettings> settings_;
  std::size_t idle_max_;
  std::mutex mutex_;
  std::vector<Idle> idle_;  // the one used last is at the back
};

}  // namespace quern::sdk
