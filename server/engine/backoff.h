// How long a failed task waits before its next attempt.
#pragma once

#include <cstdint>

#include "engine/random_source.h"
#include "quern/protocol/queue_settings.h"
#include "quern/storage/records.pb.h"

namespace quern::engine {

// The queue's policy with what the task itself says laid over it.
RetryPolicy effective_policy(const RetryPolicy& queue, const record::TaskBody& body);

// Before attempt `failed_attempt` + 1, without jitter: exponential base·factor^(n-1), linear
// base·n, fixed base, at most max.
Duration backoff(const RetryPolicy& policy, std::uint32_t failed_attempt);

// With jitter, uniformly between half of it and all of it, so that tasks that failed together do
// not return together.
Duration backoff_with_jitter(const RetryPolicy& policy, std::uint32_t failed_attempt,
                             Random& random);

}  // namespace quern::engine
