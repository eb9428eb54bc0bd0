#include "quern/protocol/queue_settings.h"

namespace quern {

std::string_view to_string(RetryStrategy strategy) {
  switch (strategy) {
    case RetryStrategy::exponential:
      return "exponential";
    case RetryStrategy::linear:
      return "linear";
    case RetryStrategy::fixed:
      return "fixed";
  }
  return "";
}

std::optional<RetryStrategy> retry_strategy_from(std::string_view text) {
  for (const RetryStrategy strategy :
       {RetryStrategy::exponential, RetryStrategy::linear, RetryStrategy::fixed}) {
    if (text == to_string(strategy)) return strategy;
  }
  return std::nullopt;
}

RetryPolicy overridden(RetryPolicy policy, const RetryOverride& over) {
  policy.strategy = over.strategy.value_or(policy.strategy);
  policy.base = over.base.value_or(policy.base);
  policy.factor = over.factor.value_or(policy.factor);
  policy.max = over.max.value_or(policy.max);
  policy.jitter = over.jitter.value_or(policy.jitter);
  return policy;
}

}  // namespace quern
