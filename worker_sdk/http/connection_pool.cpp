#include "http/connection_pool.h"

#include <utility>

namespace quern::sdk {
namespace {

// The server closes idle connections after 75 s. One that closes just as we send would make the
// call fail for no reason, so stay well below.
constexpr std::chrono::seconds idle_time_max{45};

}  // namespace

Result<std::unique_ptr<Connection>> ConnectionPool::take(SteadyTime connect_deadline) {
  while (auto connection = pop_idle()) {
    if (connection->reusable()) return connection;
  }
  return Connection::open(settings_, connect_deadline);
}

std::unique_ptr<Connection> ConnectionPool::pop_idle() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return nullptr;
  // Those below are older still.
  if (std::chrono::steady_clock::now() - idle_.back().since > idle_time_max) idle_.clear();
  if (idle_.empty()) return nullptr;
  auto connection = std::move(idle_.back().connection);
  idle_.pop_back();
  return connection;
}

void ConnectionPool::give_back(std::unique_ptr<Connection> connection) {
  if (!connection->reusable()) return;
  const std::lock_guard lock(mutex_);
  if (idle_max_ == 0) return;
  if (idle_.size() >= idle_max_) idle_.erase(idle_.begin());
  idle_.push_back({std::move(connection), std::chrono::steady_clock::now()});
}

}  // namespace quern::sdk
