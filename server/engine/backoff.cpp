#include "engine/backoff.h"

#include <algorithm>
#include <cmath>

namespace quern::engine {

RetryPolicy effective_policy(const RetryPolicy& queue, const record::TaskBody& body) {
  RetryPolicy policy = queue;
  if (!body.has_retry()) return policy;
  const record::RetryOverride& own = body.retry();
  if (own.has_strategy()) policy.strategy = static_cast<RetryStrategy>(own.strategy());
  if (own.has_base_ms()) policy.base = Duration{own.base_ms()};
  if (own.has_factor()) policy.factor = own.factor();
  if (own.has_max_ms()) policy.max = Duration{own.max_ms()};
  if (own.has_jitter()) policy.jitter = own.jitter();
  return policy;
}

Duration backoff(const RetryPolicy& policy, std::uint32_t failed_attempt) {
  const auto n = static_cast<double>(std::max(failed_attempt, 1u));
  const auto base = static_cast<double>(policy.base.count());
  double wait = base;
  switch (policy.strategy) {
    case RetryStrategy::exponential:
      wait = base * std::pow(policy.factor, n - 1);
      break;
    case RetryStrategy::linear:
      wait = base * n;
      break;
    case RetryStrategy::fixed:
      break;
  }
  // In floating point, so that no product overflows before it is capped. 0 * inf is NaN: a base of
  // nothing waits nothing.
  if (base == 0) return Duration{0};
  return wait >= static_cast<double>(policy.max.count())
             ? policy.max
             : Duration{static_cast<std::int64_t>(wait)};
}

Duration backoff_with_jitter(const RetryPolicy& policy, std::uint32_t failed_attempt,
                             Random& random) {
  const Duration whole = backoff(policy, failed_attempt);
  if (!policy.jitter) return whole;
  const auto half = static_cast<double>(whole.count()) / 2;
  return Duration{static_cast<std::int64_t>(std::ceil(half + half * random.unit()))};
}

}  // namespace quern::engine
