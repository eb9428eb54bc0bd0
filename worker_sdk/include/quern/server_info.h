// What a server says about itself.
//
// Source   docs/openapi.yaml, schemas Info and Diagnosis; GET /readyz.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "quern/protocol/result.h"
#include "quern/protocol/timestamp.h"

namespace quern {

// The server's limits: what exceeds them is refused. 0: the server does not say.
struct ServerLimits {
  std::uint64_t body_bytes_max = 0;     // a request's body
  std::uint64_t payload_bytes_max = 0;  // one payload or result
  std::uint64_t header_bytes_max = 0;
  std::uint64_t target_bytes_max = 0;
  std::uint64_t json_depth_max = 0;
  std::uint64_t batch_tasks_max = 0;   // tasks in one submit_batch()
  std::uint64_t settle_items_max = 0;  // in one settle()
  std::uint64_t lease_tasks_max = 0;   // tasks in one lease()
  std::uint64_t lease_queues_max = 0;
  Duration wait_max{0};  // one long poll
  std::uint64_t page_limit_max = 0;
  std::uint64_t connections_max = 0;
};

struct ServerInfo {
  std::string version = {};  // "0.1.0"
  std::string build = {};    // build type and compiler
  std::string rocksdb = {};  // version and kind of the storage library
  std::string durability =
      {};  // "fsync", or "os": survives a crash of the process, not a power cut
  Duration uptime{0};
  std::int64_t data_format = 0;
  ServerLimits limits = {};
};

// The info as one line of JSON, in the words of the HTTP API.
std::string to_json(const ServerInfo& info);

// Whether a server that answers takes work.
struct Readiness {
  bool ready = false;
  Error reason = {};  // when not ready: recovering, draining or read_only, and why
};

// Something in a server's store that is not as it must be.
struct Finding {
  std::string text = {};  // in a sentence for people
  bool mendable = false;  // `quernd doctor --repair` can rebuild it
};

// What was found when a server went over all that it stores.
struct Diagnosis {
  bool sound = false;
  std::uint64_t queue_count = 0;
  std::uint64_t task_count = 0;
  std::uint64_t index_entry_count = 0;
  std::uint64_t finding_count = 0;
  std::vector<Finding> findings = {};  // the first hundred
};

// The diagnosis as one line of JSON, in the words of the HTTP API.
std::string to_json(const Diagnosis& diagnosis);

}  // namespace quern
