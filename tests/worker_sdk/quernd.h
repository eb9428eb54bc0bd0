// The real server on a folder of its own, which can be killed and comes back at the same address.
//
// Threads  one.
#pragma once

#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "quern/client.h"
#include "support/server.h"
#include "support/temp_dir.h"

namespace quern::test {

class Quernd {
 public:
  explicit Quernd(std::vector<std::string> flags = {}) : flags_(std::move(flags)) { start(); }

  void start() {
    server_.emplace(ServerOptions{.data = dir_.path(), .port = port_, .flags = flags_});
    port_ = server_->port();
  }
  // At the same address, with other flags.
  void restart(std::vector<std::string> flags) {
    kill();
    flags_ = std::move(flags);
    start();
  }
  void kill() {
    server_->kill();
    server_.reset();
  }
  // Until thaw() it accepts connections, since the kernel does, and never answers.
  void freeze() { server_->signal(SIGSTOP); }
  void thaw() { server_->signal(SIGCONT); }
  std::uint16_t port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  Client client() const { return Client({.server = url()}); }

 private:
  TempDir dir_;
  std::vector<std::string> flags_;
  std::uint16_t port_ = 0;
  std::optional<Server> server_;
};

}  // namespace quern::test
