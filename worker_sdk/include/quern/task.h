// Tasks as programs see them: what is submitted, what comes back.
//
// Shape    payload, result, progress and error details are JSON text, passed on byte for byte; the
//          JSON library is of your choice. Ids are opaque text.
// Source   docs/openapi.yaml, schemas Task and NewTask: the fields have the same names.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "quern/protocol/queue_settings.h"
#include "quern/protocol/task_state.h"
#include "quern/protocol/timestamp.h"

namespace quern {

// A task to submit. Only `type` is required; what is left out is the queue's default.
struct NewTask {
  std::string queue = "default";
  std::string type = {};                       // which handler runs it
  std::string payload = "null";                // JSON text
  std::optional<std::uint32_t> priority = {};  // 0..9, higher first
  std::optional<Duration> delay = {};          // or run_at, not both
  std::optional<Timestamp> run_at = {};
  std::optional<Duration> ttl = {};  // or expires_at, not both: must start before
  std::optional<Timestamp> expires_at = {};
  std::optional<std::uint32_t> max_attempts = {};
  std::optional<RetryOverride> retry = {};  // what it leaves out is the queue's
  std::optional<Duration> lease = {};       // for lease calls that name none
  std::optional<Duration> timeout = {};     // of one attempt; heartbeats do not extend it
  std::string idempotency_key = {};  // empty: the client makes one, so that it can repeat the call
  std::string correlation_id = {};   // empty: the task's own id
  std::map<std::string, std::string> metadata = {};
};

struct TaskError {
  std::string type = {};
  std::string message = {};
  std::string details = {};  // JSON text; empty: none
};

// One attempt that failed.
struct Failure {
  std::uint32_t attempt = 0;
  Timestamp at = {};
  std::string worker_id = {};
  TaskError error = {};
};

// A worker's exclusive, expiring hold on a task.
struct Lease {
  std::string token = {};  // empty unless this is the answer to our own lease call
  std::string worker_id = {};
  Timestamp expires_at = {};  // by the server's clock
  // How long it lasts from when it was granted or last extended. Only in the answer to our own
  // lease call.
  std::optional<Duration> length = {};
  // How long this attempt may take from when it was granted, heartbeats or not. Only in the answer
  // to our own lease call; nullopt: as long as the lease is kept.
  std::optional<Duration> timeout = {};
};

struct Task {
  std::string id = {};
  std::string queue = {};
  std::string type = {};
  TaskState state = TaskState::ready;
  std::uint32_t priority = 0;
  std::string payload = {};    // empty in answers that leave it out: submit, list, dead letters
  std::string result = {};     // empty until the task succeeded
  std::uint32_t attempts = 0;  // leases granted
  std::uint32_t max_attempts = 0;
  Timestamp created_at = {};
  std::optional<Timestamp> run_at = {};
  std::optional<Timestamp> started_at = {};   // of the first attempt
  std::optional<Timestamp> finished_at = {};  // with every terminal state
  std::optional<Timestamp> expires_at = {};
  std::string correlation_id = {};
  std::string idempotency_key = {};
  std::map<std::string, std::string> metadata = {};
  std::string progress = {};  // JSON text; empty: none
  DeadReason dead_reason = DeadReason::none;
  std::uint32_t redrives = 0;
  std::optional<TaskError> last_error = {};
  std::vector<Failure> failures = {};  // the last ten, oldest first
  std::optional<Lease> lease = {};     // while running
  // From submit: the idempotency key was known, and this is the task it named.
  bool replayed = false;
};

// The task as one line of JSON, in the words of the HTTP API.
std::string to_json(const Task& task);

}  // namespace quern
