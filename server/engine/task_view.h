// A task as it is shown: what is stored about it, gathered in one place.
//
// Shape    payload, result, progress and error details are JSON as the client wrote it.
// Threads  plain values; the body is shared and never changes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "quern/protocol/queue_settings.h"
#include "quern/protocol/task_id.h"
#include "quern/protocol/task_state.h"
#include "quern/storage/records.pb.h"

namespace quern::engine {

struct TaskView {
  TaskId id = {};
  std::shared_ptr<const std::string> queue = {};  // name of the queue that it is in
  std::shared_ptr<const record::TaskBody> body = {};
  record::TaskStatus status = {};        // with defaults filled in: state, queue, ready_at, run_at
  std::uint32_t max_attempts = 0;        // the task's, else its queue's now
  std::optional<Duration> timeout = {};  // the same; known to its worker only
  std::vector<record::FailureRecord> failures = {};  // the last ten, oldest first
  // Large values that live apart, loaded when asked for. Use payload(), result(), progress().
  std::string payload_apart = {};
  std::string result_apart = {};
  std::string progress_apart = {};

  TaskState state() const { return static_cast<TaskState>(status.state()); }
  const std::string& payload() const {
    return body->payload_apart() ? payload_apart : body->payload();
  }
  const std::string& result() const {
    return status.result_apart() ? result_apart : status.result();
  }
  const std::string& progress() const {
    return status.progress_apart() ? progress_apart : status.progress();
  }
  // About how much it is to hold and to show.
  std::size_t byte_count() const {
    std::size_t bytes = body->ByteSizeLong() + status.ByteSizeLong() + payload_apart.size() +
                        result_apart.size() + progress_apart.size();
    for (const record::FailureRecord& failure : failures) bytes += failure.ByteSizeLong();
    return bytes;
  }
  std::string correlation_id() const {
    return body->correlation_id().empty() ? id.text() : body->correlation_id();
  }
};

struct QueueView {
  std::string name;
  QueueSettings settings;
  std::array<std::uint64_t, task_state_count> counts{};  // indexed by TaskState
  std::optional<Duration> oldest_ready_age;              // nullopt: nothing is ready
};

}  // namespace quern::engine
