#include "batch/line_task.h"

#include "quern/protocol/json_fields.h"
#include "quern/protocol/limits.h"
#include "quern/protocol/queue_json.h"
#include "quern/protocol/task_fields.h"

namespace quern::cli {
namespace {

std::optional<std::uint32_t> count(JsonFields& field, std::int64_t min, std::int64_t max) {
  const auto number = field.integer(min, max);
  if (!number) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

void read_metadata(JsonFields& field, NewTask& task) {
  JsonFields entry(field, any_name);
  while (entry.next()) {
    if (auto value = entry.text(0, limits::metadata_bytes_max)) {
      task.metadata[std::string(entry.name())] = *std::move(value);
    }
  }
}

void read_time_field(JsonFields& field, NewTask& task) {
  const std::string_view name = field.name();
  const Duration one{1};
  if (name == "delay_ms") task.delay = field.duration(Duration{0}, limits::ten_years);
  if (name == "run_at") task.run_at = field.time();
  if (name == "ttl_ms") task.ttl = field.duration(one, limits::ten_years);
  if (name == "expires_at") task.expires_at = field.time();
  if (name == "lease_ms") task.lease = field.duration(limits::lease_min, limits::lease_max);
  if (name == "timeout_ms") task.timeout = field.duration(one, limits::ten_years);
}

void read_field(JsonFields& field, NewTask& task) {
  const std::string_view name = field.name();
  if (name == "queue") {
    task.queue = field.name_text().value_or("");
  } else if (name == "type") {
    task.type = field.name_text().value_or("");
  } else if (name == "payload") {
    task.payload = field.raw();
  } else if (name == "priority") {
    task.priority = count(field, 0, limits::priority_max);
  } else if (name == "max_attempts") {
    task.max_attempts = count(field, 1, limits::attempts_max);
  } else if (name == "retry") {
    task.retry = read_retry(field, SettingsBody::whole);
  } else if (name == "idempotency_key") {
    task.idempotency_key = field.printable(limits::idempotency_key_bytes_max).value_or("");
  } else if (name == "correlation_id") {
    task.correlation_id = field.printable(limits::correlation_id_bytes_max).value_or("");
  } else if (name == "metadata") {
    read_metadata(field, task);
  } else {
    read_time_field(field, task);
  }
}

}  // namespace

Result<void> read_line_task(const std::string& line, NewTask& task) {
  JsonReader reader(line, limits::json_depth_max);
  JsonBody body(reader);
  {
    JsonFields fields(body, task_names);
    while (fields.next()) read_field(fields, task);
    if (fields.is_object() && task.type.empty() && !fields.given("type")) fields.require("type");
  }
  return body.finish();
}

}  // namespace quern::cli
