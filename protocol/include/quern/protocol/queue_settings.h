// What can be set on a queue, and what one task may set differently.
//
// Shape    durations in ms. nullopt means "none": no limit, never.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "quern/protocol/timestamp.h"

namespace quern {

enum class RetryStrategy : std::uint8_t { exponential = 0, linear = 1, fixed = 2 };

std::string_view to_string(RetryStrategy strategy);
std::optional<RetryStrategy> retry_strategy_from(std::string_view text);

struct RetryPolicy {
  RetryStrategy strategy = RetryStrategy::exponential;
  Duration base{2'000};
  double factor = 2.0;
  Duration max{120'000};
  bool jitter = true;

  bool operator==(const RetryPolicy&) const = default;
};

// What a task says about its own retries. A part left out is its queue's, whenever that is asked.
struct RetryOverride {
  std::optional<RetryStrategy> strategy = {};
  std::optional<Duration> base = {};
  std::optional<double> factor = {};
  std::optional<Duration> max = {};
  std::optional<bool> jitter = {};

  bool operator==(const RetryOverride&) const = default;
};

// `policy` with the parts that `over` gives.
RetryPolicy overridden(RetryPolicy policy, const RetryOverride& over);

struct QueueSettings {
  std::uint32_t max_attempts = 5;
  RetryPolicy retry = {};
  Duration lease{60'000};
  std::optional<Duration> timeout = {};
  std::optional<Duration> ttl = {};
  Duration retention{86'400'000};
  std::optional<Duration> dead_retention = {};
  Duration idempotency_window{86'400'000};
  std::optional<std::uint64_t> max_backlog = {};
  bool paused = false;

  bool operator==(const QueueSettings&) const = default;
};

}  // namespace quern
