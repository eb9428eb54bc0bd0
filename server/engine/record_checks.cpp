#include "engine/record_checks.h"

#include <algorithm>

#include "engine/runs.h"
#include "quern/protocol/limits.h"
#include "quern/protocol/queue_settings.h"
#include "quern/protocol/task_state.h"

namespace quern::engine {
namespace {

constexpr std::int64_t time_max = 253'402'300'799'999;  // the last millisecond of the year 9999
constexpr std::size_t token_bytes = 16;
constexpr std::size_t id_bytes = 16;
constexpr std::size_t time_bytes = 8;

bool is_time(std::int64_t ms) { return ms >= 0 && ms <= time_max; }
bool is_duration(std::int64_t ms) { return ms >= 0 && ms <= limits::ten_years.count(); }
bool is_strategy(std::uint32_t value) {
  return value <= static_cast<std::uint32_t>(RetryStrategy::fixed);
}
bool is_factor(double value) { return value >= 0 && value <= limits::retry_factor_max; }
bool is_id_or_empty(const std::string& bytes) { return bytes.empty() || bytes.size() == id_bytes; }
bool is_place_or_empty(const std::string& bytes) {
  return bytes.empty() || bytes.size() == time_bytes + id_bytes;
}

bool is_sound(const record::RetryOverride& retry) {
  return is_strategy(retry.strategy()) && is_duration(retry.base_ms()) &&
         is_duration(retry.max_ms()) && is_factor(retry.factor());
}

bool is_sound(const record::Lease& lease) {
  return lease.token().size() == token_bytes && is_time(lease.expires_at()) &&
         is_time(lease.attempt_started_at()) && is_duration(lease.lease_ms());
}

bool is_sound(const record::QueueSettings& settings) {
  const record::RetryPolicy& retry = settings.retry();
  return settings.max_attempts() <= limits::attempts_max && is_strategy(retry.strategy()) &&
         is_duration(retry.base_ms()) && is_duration(retry.max_ms()) && is_factor(retry.factor()) &&
         is_duration(settings.lease_ms()) && is_duration(settings.timeout_ms()) &&
         is_duration(settings.ttl_ms()) && is_duration(settings.retention_ms()) &&
         is_duration(settings.dead_retention_ms()) && is_duration(settings.idempotency_window_ms());
}

}  // namespace

bool is_sound(const record::TaskBody& body) {
  return body.priority() <= limits::priority_max && is_time(body.created_at()) &&
         is_time(body.run_at()) && is_time(body.expires_at()) &&
         body.max_attempts() <= limits::attempts_max && is_duration(body.lease_ms()) &&
         is_duration(body.timeout_ms()) && is_sound(body.retry());
}

bool is_sound(const record::TaskStatus& status) {
  if (status.state() >= task_state_count) return false;
  const bool running = status.state() == static_cast<std::uint32_t>(TaskState::running);
  if (status.has_lease() != running || (running && !is_sound(status.lease()))) return false;
  return status.dead_reason() <= static_cast<std::uint32_t>(DeadReason::expired) &&
         is_time(status.ready_at()) && is_time(status.run_at()) && is_time(status.started_at()) &&
         is_time(status.finished_at()) && is_time(status.forget_at());
}

bool is_sound(const record::FailureRecord& failure) { return is_time(failure.at()); }

bool is_sound(const record::QueueRecord& queue) {
  return is_name(queue.name()) && is_time(queue.created_at()) && is_sound(queue.settings());
}

bool is_sound(const record::QueueCounters& counters) {
  const auto ids = [](const auto& all) {
    return std::all_of(all.begin(), all.end(), is_id_or_empty);
  };
  return ids(counters.lane_done()) && ids(counters.run_from()) &&
         std::all_of(counters.ready_from().begin(), counters.ready_from().end(),
                     is_place_or_empty) &&
         is_place_or_empty(counters.done_from()) && is_place_or_empty(counters.dead_from()) &&
         counters.run_from_size() <= static_cast<int>(run_count);
}

bool is_sound(const record::Commit& commit) { return is_time(commit.timers_from()); }

}  // namespace quern::engine
