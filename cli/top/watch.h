// The queues as they are now, and how fast they change.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "quern/client.h"

namespace quern::cli {

struct QueueRow {
  Queue queue;
  double submitted_per_second = 0;
  double finished_per_second = 0;
};

struct Snapshot {
  std::vector<QueueRow> rows;  // by name
  std::string trouble;         // why the last look failed; empty: it did not
  bool refused = false;        // that was an answer, which will not change by itself
  bool any = false;            // the server has answered once
  Duration age{0};             // of `rows`
};

// Looks at the server in a thread of its own, so that keys work while it is slow.
//
// Threads  run_until() in one, snapshot() and error() in any.
class Watch {
 public:
  Watch(ClientOptions options, Duration interval)
      : client_(std::move(options)), interval_(interval) {}

  // Also ends when the first look fails with what will not pass: error() then has it.
  void run_until(const std::stop_token& stop);
  Snapshot snapshot();
  std::optional<ApiError> error();

 private:
  using Clock = std::chrono::steady_clock;

  void look();
  void take(std::vector<Queue> queues);

  Client client_;
  Duration interval_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  Snapshot snapshot_;
  std::optional<ApiError> error_;
  Clock::time_point looked_at_;
  std::map<std::string, QueueCounts> counts_;  // of the last look, by queue
};

}  // namespace quern::cli
