#include "wire/task_json.h"

#include "quern/protocol/limits.h"
#include "quern/protocol/queue_json.h"
#include "wire/read_object.h"

namespace quern::sdk {
namespace {

bool read_count(JsonReader& json, std::uint32_t& out) {
  std::int64_t value = 0;
  if (!json.read_int64(value)) return false;
  out = static_cast<std::uint32_t>(value);
  return true;
}

bool read_duration(JsonReader& json, std::optional<Duration>& out) {
  std::int64_t value = 0;
  if (!json.read_int64(value)) return false;
  out = Duration{value};
  return true;
}

bool read_raw(JsonReader& json, std::string& out) {
  std::string_view raw;
  if (!json.read_raw(raw)) return false;
  out = raw;
  return true;
}

bool read_time(JsonReader& json, Timestamp& out) {
  std::optional<Timestamp> time;
  if (!read_timestamp(json, time)) return false;
  if (time) out = *time;
  return true;
}

template <typename Enum>
bool read_enum(JsonReader& json, std::optional<Enum> (*from)(std::string_view), Enum& out) {
  std::string text;
  if (!json.read_string(text)) return false;
  if (const auto value = from(text)) out = *value;
  return true;
}

bool read_error(JsonReader& json, TaskError& error) {
  return read_object(json, [&](std::string_view key) {
    if (key == "type") return json.read_string(error.type);
    if (key == "message") return json.read_string(error.message);
    if (key == "details") return read_raw(json, error.details);
    return false;
  });
}

bool read_failures(JsonReader& json, std::vector<Failure>& failures) {
  return read_array(json, [&] {
    Failure& failure = failures.emplace_back();
    return read_object(json, [&](std::string_view key) {
      if (key == "attempt") return read_count(json, failure.attempt);
      if (key == "at") return read_time(json, failure.at);
      if (key == "worker_id") return json.read_string(failure.worker_id);
      if (key == "error") return read_error(json, failure.error);
      return false;
    });
  });
}

bool read_lease(JsonReader& json, std::optional<Lease>& lease) {
  lease.emplace();
  return read_object(json, [&](std::string_view key) {
    if (key == "token") return json.read_string(lease->token);
    if (key == "worker_id") return json.read_string(lease->worker_id);
    if (key == "expires_at") return read_time(json, lease->expires_at);
    if (key == "lease_ms") return read_duration(json, lease->length);
    if (key == "timeout_ms") return read_duration(json, lease->timeout);
    return false;
  });
}

bool read_metadata(JsonReader& json, std::map<std::string, std::string>& metadata) {
  return read_object(
      json, [&](std::string_view key) { return json.read_string(metadata[std::string(key)]); });
}

bool read_last_error(JsonReader& json, std::optional<TaskError>& error) {
  return read_error(json, error.emplace());
}

// Fields that say what the task is and what became of it.
bool read_content(JsonReader& json, std::string_view key, Task& task) {
  if (key == "id") return json.read_string(task.id);
  if (key == "queue") return json.read_string(task.queue);
  if (key == "type") return json.read_string(task.type);
  if (key == "payload") return read_raw(json, task.payload);
  if (key == "result") return read_raw(json, task.result);
  if (key == "correlation_id") return json.read_string(task.correlation_id);
  if (key == "idempotency_key") return json.read_string(task.idempotency_key);
  if (key == "metadata") return read_metadata(json, task.metadata);
  if (key == "progress") return read_raw(json, task.progress);
  if (key == "last_error") return read_last_error(json, task.last_error);
  if (key == "failures") return read_failures(json, task.failures);
  return false;
}

// Fields that say where it stands.
bool read_standing(JsonReader& json, std::string_view key, Task& task) {
  if (key == "priority") return read_count(json, task.priority);
  if (key == "attempts") return read_count(json, task.attempts);
  if (key == "max_attempts") return read_count(json, task.max_attempts);
  if (key == "created_at") return read_time(json, task.created_at);
  if (key == "run_at") return read_timestamp(json, task.run_at);
  if (key == "started_at") return read_timestamp(json, task.started_at);
  if (key == "finished_at") return read_timestamp(json, task.finished_at);
  if (key == "expires_at") return read_timestamp(json, task.expires_at);
  if (key == "dead_reason") return read_enum(json, dead_reason_from, task.dead_reason);
  if (key == "redrives") return read_count(json, task.redrives);
  if (key == "lease") return read_lease(json, task.lease);
  return false;
}

void write_metadata(JsonWriter& json, const std::map<std::string, std::string>& metadata) {
  json.begin_object();
  for (const auto& [name, value] : metadata) json.key(name).string(value);
  json.end_object();
}

void write_retry_override(JsonWriter& json, const RetryOverride& retry) {
  json.begin_object();
  if (retry.strategy) json.key("strategy").string(to_string(*retry.strategy));
  if (retry.base) json.key("base_ms").number(std::int64_t{retry.base->count()});
  if (retry.factor) json.key("factor").number(*retry.factor);
  if (retry.max) json.key("max_ms").number(std::int64_t{retry.max->count()});
  if (retry.jitter) json.key("jitter").boolean(*retry.jitter);
  json.end_object();
}

template <typename T>
void write_count(JsonWriter& json, std::string_view name, const std::optional<T>& value) {
  if (value) json.key(name).number(static_cast<std::uint64_t>(*value));
}

void write_duration(JsonWriter& json, std::string_view name, std::optional<Duration> value) {
  if (value) json.key(name).number(std::int64_t{value->count()});
}

void write_time(JsonWriter& json, std::string_view name, std::optional<Timestamp> value) {
  if (value) json.key(name).time(*value);
}

void write_text(JsonWriter& json, std::string_view name, std::string_view value) {
  if (!value.empty()) json.key(name).string(value);
}

void write_raw(JsonWriter& json, std::string_view name, std::string_view value) {
  if (!value.empty()) json.key(name).raw(value);
}

void write_error(JsonWriter& json, const TaskError& error) {
  json.begin_object();
  json.key("type").string(error.type);
  json.key("message").string(error.message);
  write_raw(json, "details", error.details);
  json.end_object();
}

void write_failures(JsonWriter& json, const std::vector<Failure>& failures) {
  json.begin_array();
  for (const Failure& failure : failures) {
    json.begin_object();
    json.key("attempt").number(std::uint64_t{failure.attempt});
    json.key("at").time(failure.at);
    write_text(json, "worker_id", failure.worker_id);
    json.key("error");
    write_error(json, failure.error);
    json.end_object();
  }
  json.end_array();
}

void write_lease(JsonWriter& json, const Lease& lease) {
  json.begin_object();
  write_text(json, "token", lease.token);
  json.key("worker_id").string(lease.worker_id);
  json.key("expires_at").time(lease.expires_at);
  write_duration(json, "lease_ms", lease.length);
  write_duration(json, "timeout_ms", lease.timeout);
  json.end_object();
}

}  // namespace

Result<void> check_json(std::string_view pointer, std::string_view text, std::size_t depth_max) {
  JsonReader json(text, depth_max);
  std::string_view raw;
  if (json.read_raw(raw) && json.finish()) return Ok{};
  return invalid_argument(std::string(pointer), "is " + json.error().detail);
}

Result<void> write_new_task(JsonWriter& json, const NewTask& task) {
  if (auto checked = check_json("/payload", task.payload, limits::json_depth_max); !checked) {
    return checked;
  }
  json.begin_object();
  json.key("queue").string(task.queue);
  json.key("type").string(task.type);
  json.key("payload").raw(task.payload);
  write_count(json, "priority", task.priority);
  write_duration(json, "delay_ms", task.delay);
  write_time(json, "run_at", task.run_at);
  write_duration(json, "ttl_ms", task.ttl);
  write_time(json, "expires_at", task.expires_at);
  write_count(json, "max_attempts", task.max_attempts);
  if (task.retry) {
    json.key("retry");
    write_retry_override(json, *task.retry);
  }
  write_duration(json, "lease_ms", task.lease);
  write_duration(json, "timeout_ms", task.timeout);
  write_text(json, "idempotency_key", task.idempotency_key);
  write_text(json, "correlation_id", task.correlation_id);
  if (!task.metadata.empty()) {
    json.key("metadata");
    write_metadata(json, task.metadata);
  }
  json.end_object();
  return Ok{};
}

bool read_timestamp(JsonReader& json, std::optional<Timestamp>& out) {
  std::string text;
  if (!json.read_string(text)) return false;
  out = parse_rfc3339(text);
  return true;
}

bool read_task_state(JsonReader& json, std::optional<TaskState>& state) {
  std::string text;
  if (!json.read_string(text)) return false;
  state = task_state_from(text);
  return true;
}

bool read_task(JsonReader& json, Task& task) {
  std::optional<TaskState> state;
  const bool is_object = read_object(json, [&](std::string_view key) {
    if (key == "state") return read_task_state(json, state);
    return read_content(json, key, task) || (!json.failed() && read_standing(json, key, task));
  });
  // What a task is and where it stands cannot be guessed, unlike the rest.
  if (!is_object || !state || task.id.empty() || task.queue.empty() || task.type.empty()) {
    return false;
  }
  task.state = *state;
  return true;
}

bool read_tasks(JsonReader& json, std::vector<Task>& tasks) {
  bool all = true;
  return read_array(json,
                    [&] {
                      all = read_task(json, tasks.emplace_back()) && all;
                      return all;
                    }) &&
         all;
}

}  // namespace quern::sdk

namespace quern {

std::string to_json(const Task& task) {
  using namespace sdk;
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.key("id").string(task.id);
  json.key("queue").string(task.queue);
  json.key("type").string(task.type);
  json.key("state").string(to_string(task.state));
  json.key("priority").number(std::uint64_t{task.priority});
  write_raw(json, "payload", task.payload);
  write_raw(json, "result", task.result);
  json.key("attempts").number(std::uint64_t{task.attempts});
  json.key("max_attempts").number(std::uint64_t{task.max_attempts});
  json.key("created_at").time(task.created_at);
  write_time(json, "run_at", task.run_at);
  write_time(json, "started_at", task.started_at);
  write_time(json, "finished_at", task.finished_at);
  write_time(json, "expires_at", task.expires_at);
  json.key("correlation_id").string(task.correlation_id);
  write_text(json, "idempotency_key", task.idempotency_key);
  json.key("metadata");
  write_metadata(json, task.metadata);
  write_raw(json, "progress", task.progress);
  write_text(json, "dead_reason", to_string(task.dead_reason));
  json.key("redrives").number(std::uint64_t{task.redrives});
  if (task.last_error) {
    json.key("last_error");
    write_error(json, *task.last_error);
  }
  if (!task.failures.empty()) {
    json.key("failures");
    write_failures(json, task.failures);
  }
  if (task.lease) {
    json.key("lease");
    write_lease(json, *task.lease);
  }
  json.end_object();
  return text;
}

}  // namespace quern
