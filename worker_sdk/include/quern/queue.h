// Queues as programs see them.
//
// Source   docs/openapi.yaml, schema Queue.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "quern/protocol/queue_settings.h"
#include "quern/protocol/timestamp.h"

namespace quern {

// How many tasks are in each state. Exact.
struct QueueCounts {
  std::uint64_t blocked = 0;
  std::uint64_t scheduled = 0;
  std::uint64_t ready = 0;
  std::uint64_t running = 0;
  std::uint64_t retrying = 0;
  std::uint64_t dead = 0;
  std::uint64_t succeeded = 0;
  std::uint64_t cancelled = 0;

  bool operator==(const QueueCounts&) const = default;

  // Still to be done: neither finished nor dead.
  std::uint64_t unfinished() const { return blocked + scheduled + ready + running + retrying; }
};

struct Queue {
  std::string name = {};
  QueueSettings settings = {};
  QueueCounts counts = {};
  std::optional<Duration> oldest_ready_age = {};
};

// The queue as one line of JSON, in the words of the HTTP API.
std::string to_json(const Queue& queue);

}  // namespace quern
