// What tests of Worker against the real server share.
//
// Threads  one, if not said otherwise.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "quern/worker.h"

namespace quern::test {

// Runs a worker in the background until the end of the scope.
class Background {
 public:
  explicit Background(Worker& worker)
      : thread_([&worker](std::stop_token stop) { worker.run(stop); }) {}
  void stop() {
    thread_.request_stop();
    thread_.join();
  }

 private:
  std::jthread thread_;
};

// With heartbeats as frequent as can be, and without a log.
inline WorkerOptions options_for(const std::string& queue, std::uint32_t concurrency) {
  using namespace std::chrono_literals;
  return {.queues = {queue},
          .concurrency = concurrency,
          .heartbeat = 100ms,
          .log = [](LogLevel, std::string_view) {}};
}

// Tasks of type "work" with the payloads 0, 1, 2, …
inline std::vector<NewTask> tasks_for(const std::string& queue, std::size_t count) {
  std::vector<NewTask> tasks;
  for (std::size_t i = 0; i < count; ++i) {
    tasks.push_back({.queue = queue, .type = "work", .payload = std::to_string(i)});
  }
  return tasks;
}

inline QueueSettings quick_retries(std::uint32_t max_attempts) {
  QueueSettings settings;
  settings.max_attempts = max_attempts;
  settings.retry = {.strategy = RetryStrategy::fixed, .base = std::chrono::milliseconds(1)};
  return settings;
}

inline void wait_for_all(Client& client, const std::vector<Task>& tasks) {
  for (const Task& task : tasks) {
    const Task finished = client.wait(task.id, std::chrono::seconds(60));
    if (finished.state != TaskState::succeeded) FAIL(to_json(finished));
  }
}

}  // namespace quern::test
