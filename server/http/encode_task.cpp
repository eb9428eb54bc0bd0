#include "http/encode.h"
#include "http/problem.h"

namespace quern::http {
namespace {

using engine::TaskView;

void write_time(JsonWriter& json, std::string_view name, std::int64_t ms) {
  if (ms != 0) json.key(name).time(Timestamp{ms});
}

void write_text(JsonWriter& json, std::string_view name, std::string_view text) {
  if (!text.empty()) json.key(name).string(text);
}

// JSON as its client wrote it; "null" when none was given.
void write_opaque(JsonWriter& json, std::string_view name, const std::string& value) {
  json.key(name).raw(value.empty() ? std::string_view("null") : std::string_view(value));
}

std::string hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(2 * bytes.size());
  for (const char byte : bytes) {
    out += digits[static_cast<unsigned char>(byte) >> 4];
    out += digits[static_cast<unsigned char>(byte) & 0xF];
  }
  return out;
}

void write_error(JsonWriter& json, const record::FailureRecord& failure) {
  json.begin_object();
  json.key("type").string(failure.type());
  json.key("message").string(failure.message());
  if (!failure.details().empty()) json.key("details").raw(failure.details());
  json.end_object();
}

void write_failures(JsonWriter& json, const TaskView& task) {
  if (task.failures.empty()) return;
  json.key("last_error");
  write_error(json, task.failures.back());
  json.key("failures").begin_array();
  for (const record::FailureRecord& failure : task.failures) {
    json.begin_object();
    json.key("attempt").number(failure.attempt());
    json.key("at").time(Timestamp{failure.at()});
    json.key("worker_id").string(failure.worker_id());
    json.key("error");
    write_error(json, failure);
    json.end_object();
  }
  json.end_array();
}

void write_metadata(JsonWriter& json, const record::TaskBody& body) {
  json.key("metadata").begin_object();
  for (const record::MetadataEntry& entry : body.metadata()) {
    json.key(entry.key()).string(entry.value());
  }
  json.end_object();
}

void write_lease(JsonWriter& json, const TaskView& task, TaskShape shape) {
  if (task.state() != TaskState::running) return;
  const record::Lease& lease = task.status.lease();
  json.key("lease").begin_object();
  if (shape == TaskShape::leased) json.key("token").string(hex(lease.token()));
  json.key("worker_id").string(lease.worker_id());
  json.key("expires_at").time(Timestamp{lease.expires_at()});
  if (shape == TaskShape::leased) {
    json.key("lease_ms").number(lease.lease_ms());
    if (task.timeout) json.key("timeout_ms").number(std::int64_t{task.timeout->count()});
  }
  json.end_object();
}

void write_times(JsonWriter& json, const TaskView& task) {
  const record::TaskBody& body = *task.body;
  json.key("created_at").time(Timestamp{body.created_at()});
  json.key("run_at").time(Timestamp{task.status.run_at()});
  write_time(json, "started_at", task.status.started_at());
  write_time(json, "finished_at", task.status.finished_at());
  // A redrive clears it.
  if (task.status.redrives() == 0) write_time(json, "expires_at", body.expires_at());
}

std::string_view dead_reason_of(const TaskView& task) {
  return to_string(static_cast<DeadReason>(task.status.dead_reason()));
}

}  // namespace

void write_task(JsonWriter& json, const TaskView& task, TaskShape shape) {
  const record::TaskBody& body = *task.body;
  json.begin_object();
  const auto id = task.id.chars();
  json.key("id").string({id.data(), id.size()});
  json.key("queue").string(*task.queue);
  json.key("type").string(body.type());
  json.key("state").string(to_string(task.state()));
  json.key("priority").number(body.priority());
  if (shape != TaskShape::summary) write_opaque(json, "payload", task.payload());
  if (shape != TaskShape::summary && task.state() == TaskState::succeeded) {
    write_opaque(json, "result", task.result());
  }
  json.key("attempts").number(task.status.attempts());
  json.key("max_attempts").number(task.max_attempts);
  write_times(json, task);
  json.key("correlation_id").string(task.correlation_id());
  write_text(json, "idempotency_key", body.idempotency_key());
  write_metadata(json, body);
  if (!task.progress().empty()) json.key("progress").raw(task.progress());
  if (task.state() == TaskState::dead) write_text(json, "dead_reason", dead_reason_of(task));
  json.key("redrives").number(task.status.redrives());
  write_failures(json, task);
  write_lease(json, task, shape);
  json.end_object();
}

void write_settled(JsonWriter& json, const engine::Settled& settled) {
  json.begin_object();
  json.key("id").string(settled.id_text);
  if (const auto* error = std::get_if<Error>(&settled.outcome)) {
    json.key("problem");
    write_problem(json, *error);
  } else {
    const TaskView& task = std::get<TaskView>(settled.outcome);
    const TaskState state = task.state();
    json.key("state").string(to_string(state));
    if (state == TaskState::retrying || state == TaskState::scheduled) {
      write_time(json, "run_at", task.status.run_at());
    }
    if (state == TaskState::dead) write_text(json, "dead_reason", dead_reason_of(task));
    if (settled.verb == engine::SettleVerb::heartbeat) {
      json.key("lease").begin_object();
      json.key("expires_at").time(Timestamp{task.status.lease().expires_at()});
      json.end_object();
    }
  }
  json.end_object();
}

}  // namespace quern::http
