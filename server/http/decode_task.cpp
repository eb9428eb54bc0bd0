#include <memory>
#include <string>
#include <utility>

#include "http/decode.h"
#include "http/request_body.h"
#include "quern/protocol/queue_json.h"
#include "quern/protocol/task_fields.h"

namespace quern::http {
namespace {

constexpr std::string_view batch_fields[] = {"tasks"};
constexpr JsonNames batch_names{.noun = "a field of a batch", .known = batch_fields};

constexpr Duration one_ms{1};

void read_metadata(JsonFields& field, record::TaskBody& task) {
  JsonFields entry(field, any_name);
  std::size_t bytes = 0;
  while (entry.next()) {
    std::optional<std::string> value = entry.text(0, limits::metadata_bytes_max);
    bytes += entry.name().size() + (value ? value->size() : 0);
    if (!value || bytes > limits::metadata_bytes_max) continue;
    record::MetadataEntry& added = *task.add_metadata();
    added.set_key(std::string(entry.name()));
    added.set_value(*std::move(value));
  }
  if (bytes > limits::metadata_bytes_max) {
    field.error("must be at most " + std::to_string(limits::metadata_bytes_max) + " bytes");
  }
}

void read_retry_override(JsonFields& field, record::TaskBody& task) {
  const RetryOverride given = read_retry(field, SettingsBody::whole);
  record::RetryOverride& retry = *task.mutable_retry();
  if (given.strategy) retry.set_strategy(static_cast<std::uint32_t>(*given.strategy));
  if (given.base) retry.set_base_ms(given.base->count());
  if (given.factor) retry.set_factor(*given.factor);
  if (given.max) retry.set_max_ms(given.max->count());
  if (given.jitter) retry.set_jitter(*given.jitter);
}

std::optional<std::int64_t> read_instant(JsonFields& field, Timestamp now) {
  const std::optional<Timestamp> at = field.time();
  if (!at) return std::nullopt;
  if (*at > now + limits::ten_years) {
    field.error("must be at most ten years from now");
    return std::nullopt;
  }
  return at->ms;
}

void read_schedule_field(JsonFields& field, engine::NewTask& task, Timestamp now) {
  const std::string_view name = field.name();
  if (name == "delay_ms") {
    task.delay = field.duration(Duration{0}, limits::ten_years);
  } else if (name == "run_at") {
    task.body->set_run_at(read_instant(field, now).value_or(0));
  } else if (name == "ttl_ms") {
    task.ttl = field.duration(one_ms, limits::ten_years);
  } else if (name == "expires_at") {
    // Zero is how a record says "never"; the millisecond after it is long past as well.
    const std::int64_t at = read_instant(field, now).value_or(0);
    task.body->set_expires_at(at == 0 ? 1 : at);
  }
}

void read_attempt_field(JsonFields& field, record::TaskBody& task) {
  const std::string_view name = field.name();
  if (name == "max_attempts") {
    if (const auto count = field.integer(1, limits::attempts_max)) {
      task.set_max_attempts(static_cast<std::uint32_t>(*count));
    }
  } else if (name == "retry") {
    read_retry_override(field, task);
  } else if (name == "lease_ms") {
    if (const auto lease = field.duration(limits::lease_min, limits::lease_max)) {
      task.set_lease_ms(lease->count());
    }
  } else if (name == "timeout_ms") {
    if (const auto timeout = field.duration(one_ms, limits::ten_years)) {
      task.set_timeout_ms(timeout->count());
    }
  }
}

void read_task_field(JsonFields& field, RequestBody& body, const DecodeContext& context,
                     engine::NewTask& task) {
  const std::string_view name = field.name();
  if (name == "queue") {
    task.queue = field.name_text().value_or("");
  } else if (name == "type") {
    task.body->set_type(field.name_text().value_or(""));
  } else if (name == "payload") {
    const std::string_view payload = body.opaque(field, context.limits.payload_bytes_max);
    task.body->set_payload(payload.data(), payload.size());
  } else if (name == "priority") {
    const auto priority = field.integer(0, limits::priority_max);
    task.body->set_priority(static_cast<std::uint32_t>(priority.value_or(0)));
  } else if (name == "idempotency_key") {
    task.body->set_idempotency_key(field.printable(limits::idempotency_key_bytes_max).value_or(""));
  } else if (name == "correlation_id") {
    task.body->set_correlation_id(field.printable(limits::correlation_id_bytes_max).value_or(""));
  } else if (name == "metadata") {
    read_metadata(field, *task.body);
  } else {
    read_schedule_field(field, task, context.now);
    read_attempt_field(field, *task.body);
  }
}

void refuse_both(const JsonFields& task, const std::string& base, std::string_view one,
                 std::string_view other) {
  if (!task.given(one) || !task.given(other)) return;
  task.body().add_error(base + "/" + std::string(other),
                        "cannot be given together with " + std::string(one));
}

engine::NewTask read_task(JsonValue& place, RequestBody& body, const DecodeContext& context) {
  engine::NewTask task;
  task.queue = "default";
  task.body = std::make_shared<record::TaskBody>();
  task.body->set_payload("null");
  task.body->set_priority(limits::priority_default);

  JsonFields fields(place, task_names);
  while (fields.next()) read_task_field(fields, body, context, task);
  fields.require("type");
  const std::string base = place.pointer();
  refuse_both(fields, base, "delay_ms", "run_at");
  refuse_both(fields, base, "ttl_ms", "expires_at");
  return task;
}

// --- what headers say ---------------------------------------------------------------------------

// The key of an Idempotency-Key field: bare, or a quoted string as the IETF draft has it.
std::optional<std::string> idempotency_key_of(std::string_view text) {
  if (!text.starts_with('"')) return std::string(text);
  std::string key;
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (text[at] == '"') {
      return at + 1 == text.size() ? std::optional(key) : std::nullopt;
    }
    if (text[at] == '\\') {
      // Nothing but these two may be escaped (RFC 9651).
      if (++at == text.size() || (text[at] != '"' && text[at] != '\\')) return std::nullopt;
    }
    key += text[at];
  }
  return std::nullopt;
}

// Puts what a header says beside what the body says; they must not disagree.
void merge_header(JsonBody& body, std::string_view header, std::optional<std::string> value,
                  std::size_t bytes_max, std::string_view field, std::string& out) {
  if (!value || !is_printable_ascii(*value, bytes_max)) {
    body.add_error("/" + std::string(header),
                   "must be 1.." + std::to_string(bytes_max) + " bytes of printable ASCII");
  } else if (out.empty()) {
    out = *std::move(value);
  } else if (out != *value) {
    body.add_error("/" + std::string(field), "differs from the header " + std::string(header));
  }
}

void set_metadata(record::TaskBody& task, std::string_view key, std::string_view value) {
  for (record::MetadataEntry& entry : *task.mutable_metadata()) {
    if (entry.key() == key) return entry.set_value(std::string(value));
  }
  record::MetadataEntry& added = *task.add_metadata();
  added.set_key(std::string(key));
  added.set_value(std::string(value));
}

// The trace that the submitter is part of goes with the task. Where the client's own metadata names
// the same key, the header wins.
void keep_trace(const KnownFields& fields, JsonBody& body, const std::string& base,
                record::TaskBody& task) {
  const auto& parent = fields[Known::traceparent];
  if (!parent && fields.tracestate.empty()) return;
  if (parent) set_metadata(task, "traceparent", *parent);
  if (!fields.tracestate.empty()) set_metadata(task, "tracestate", fields.tracestate);
  std::size_t bytes = 0;
  for (const record::MetadataEntry& entry : task.metadata()) {
    bytes += entry.key().size() + entry.value().size();
  }
  if (bytes > limits::metadata_bytes_max) {
    body.add_error(base + "/metadata", "must be at most " +
                                           std::to_string(limits::metadata_bytes_max) +
                                           " bytes, the trace headers included");
  }
}

// A header may hold any byte from 0x80 on, and what we keep must be UTF-8.
void check_trace(const KnownFields& fields, JsonBody& body) {
  const std::string_view parent = fields[Known::traceparent].value_or(std::string_view{});
  if (!parent.empty() && !is_printable_ascii(parent, parent.size())) {
    body.add_error("/traceparent", "must be printable ASCII");
  }
  const std::string& state = fields.tracestate;
  if (!state.empty() && !is_printable_ascii(state, state.size())) {
    body.add_error("/tracestate", "must be printable ASCII");
  }
}

}  // namespace

Result<engine::Submit> decode_submit(const KnownFields& fields, std::string_view text,
                                     const DecodeContext& context) {
  RequestBody body(text, context.limits);
  engine::Submit submit;
  submit.tasks.push_back(read_task(body.root(), body, context));
  record::TaskBody& task = *submit.tasks.front().body;
  if (const auto& key = fields[Known::idempotency_key]) {
    merge_header(body.root(), "Idempotency-Key", idempotency_key_of(*key),
                 limits::idempotency_key_bytes_max, "idempotency_key",
                 *task.mutable_idempotency_key());
  }
  if (const auto& id = fields[Known::correlation_id]) {
    merge_header(body.root(), "X-Correlation-ID", std::string(*id),
                 limits::correlation_id_bytes_max, "correlation_id",
                 *task.mutable_correlation_id());
  }
  check_trace(fields, body.root());
  keep_trace(fields, body.root(), "", task);
  if (Result<void> done = body.finish(); !done) return std::move(done).error();
  return submit;
}

Result<engine::Submit> decode_batch(const KnownFields& fields, std::string_view text,
                                    const DecodeContext& context) {
  RequestBody body(text, context.limits);
  engine::Submit submit{.tasks = {}, .batch = true};
  JsonFields batch(body.root(), batch_names);
  while (batch.next()) {
    JsonItems tasks(batch, context.limits.batch_tasks_max);
    while (tasks.next()) {
      submit.tasks.push_back(read_task(tasks, body, context));
      keep_trace(fields, body.root(), tasks.pointer(), *submit.tasks.back().body);
    }
    if (tasks.is_array() && tasks.count() == 0) batch.error("must have at least one task");
  }
  batch.require("tasks");

  check_trace(fields, body.root());
  if (fields[Known::idempotency_key]) {
    body.root().add_error("/Idempotency-Key", "belongs to single tasks: give each its own");
  }
  if (const auto& id = fields[Known::correlation_id]) {
    std::string correlation_id;
    merge_header(body.root(), "X-Correlation-ID", std::string(*id),
                 limits::correlation_id_bytes_max, "correlation_id", correlation_id);
    for (engine::NewTask& task : submit.tasks) {
      if (task.body->correlation_id().empty()) task.body->set_correlation_id(correlation_id);
    }
  }
  if (Result<void> done = body.finish(); !done) return std::move(done).error();
  return submit;
}

}  // namespace quern::http
