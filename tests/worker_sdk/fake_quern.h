// As much of a Quern server as a worker talks to, in memory, with every call on record.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "fake_server.h"

namespace quern::test {

class FakeQuern {
 public:
  FakeQuern() : server_([this](const FakeRequest& request) { return handle(request); }) {}

  FakeServer& server() { return server_; }

  // A task that is ready. Returns its id.
  std::string add(const std::string& type, const std::string& payload = "null");
  // The same, whose attempts may take so long.
  std::string add_with_timeout(const std::string& type, std::chrono::milliseconds timeout);
  // From now on the lease of this task is lost.
  void lose(const std::string& id);
  // The next `count` requests get no answer, ever.
  void be_silent(int count);
  // Every request gets this until clear_refusal().
  void refuse(FakeAnswer answer);
  void clear_refusal();
  // Larger requests get 413.
  void limit_body(std::size_t bytes_max);

  // The settlements of one task so far, in order; heartbeats only by heartbeats().
  std::vector<nlohmann::json> outcomes(const std::string& id);
  std::vector<nlohmann::json> heartbeats(const std::string& id);
  // Waits until the task has an outcome, and returns the last. Fails the test when none comes.
  nlohmann::json outcome(const std::string& id);
  // Waits until `holds(*this)`, looked at after every request.
  template <typename Holds>
  bool eventually(const Holds& holds) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), holds);
  }
  int calls() const { return calls_; }  // inside eventually()
  const std::vector<nlohmann::json>& settled() const { return settled_; }

 private:
  nlohmann::json& push(const std::string& type, const std::string& payload);  // with the lock
  FakeAnswer handle(const FakeRequest& request);
  nlohmann::json settle(const nlohmann::json& items);
  FakeAnswer lease(const nlohmann::json& body, const FakeRequest& request);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<nlohmann::json> ready_;
  std::set<std::string> lost_;
  std::set<std::string> done_;
  std::vector<nlohmann::json> settled_;
  std::optional<FakeAnswer> refusal_;
  std::size_t body_bytes_max_ = 16 * 1024 * 1024;
  int silent_ = 0;
  int calls_ = 0;
  int ids_ = 0;
  FakeServer server_;  // last: its threads use the rest
};

}  // namespace quern::test
