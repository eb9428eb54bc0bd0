#include "engine/task_record.h"

#include "engine/record_checks.h"
#include "quern/protocol/limits.h"
#include "quern/storage/keys.h"

namespace quern::engine {

namespace keys = storage::keys;
using storage::Reader;
using storage::Table;

namespace {

Error corrupt(Table table, const TaskId& id) {
  return Error{.code = ErrorCode::store_corrupt,
               .detail = "the record of task " + id.text() + " in table " +
                         std::to_string(static_cast<int>(table)) + " is damaged"};
}

// True: found and parsed.
template <typename Record>
Result<bool> load(const Reader& reader, Table table, const std::string& key, const TaskId& id,
                  Record& record) {
  std::string value;
  Result<bool> found = reader.get(table, key, value);
  if (!found || !*found) return found;
  if (!record.ParseFromString(value) || !is_sound(record)) return corrupt(table, id);
  return true;
}

}  // namespace

Result<std::shared_ptr<record::TaskBody>> load_body(const Reader& reader, const TaskId& id) {
  auto body = std::make_shared<record::TaskBody>();
  Result<bool> found = load(reader, Table::tasks, keys::task(id), id, *body);
  if (!found) return std::move(found).error();
  if (!*found) body.reset();
  return body;
}

namespace {

Result<std::optional<record::TaskStatus>> load_status_in(const Reader& reader, Table table,
                                                         const TaskId& id) {
  record::TaskStatus status;
  Result<bool> found = load(reader, table, keys::id(id), id, status);
  if (!found) return std::move(found).error();
  return *found ? std::optional(std::move(status)) : std::nullopt;
}

}  // namespace

Result<std::optional<record::TaskStatus>> load_status(const Reader& reader, const TaskId& id) {
  Result<std::optional<record::TaskStatus>> running = load_status_in(reader, Table::running, id);
  return !running || *running ? running : load_settled_status(reader, id);
}

Result<std::optional<record::TaskStatus>> load_settled_status(const Reader& reader,
                                                              const TaskId& id) {
  return load_status_in(reader, Table::status, id);
}

record::TaskStatus status_as_submitted(const TaskId& id, const record::TaskBody& body) {
  record::TaskStatus status;
  status.set_queue(id.queue());
  status.set_run_at(body.run_at() != 0 ? body.run_at() : body.created_at());
  if (id.lane() == TaskId::lane_later) {
    status.set_state(static_cast<std::uint32_t>(TaskState::scheduled));
  } else {
    status.set_state(static_cast<std::uint32_t>(TaskState::ready));
    status.set_ready_at(static_cast<std::int64_t>(id.unix_ms()));
  }
  return status;
}

Result<std::vector<record::FailureRecord>> load_failures(const Reader& reader, const TaskId& id,
                                                         const record::TaskStatus& status) {
  std::vector<record::FailureRecord> failures;
  const std::uint32_t count = status.failure_count();
  const std::uint32_t first = count > limits::failures_kept_max
                                  ? count - static_cast<std::uint32_t>(limits::failures_kept_max)
                                  : 0;
  for (std::uint32_t number = first; number < count; ++number) {
    record::FailureRecord failure;
    Result<bool> found = load(reader, Table::failures, keys::failure(id, number), id, failure);
    if (!found) return std::move(found).error();
    if (*found) failures.push_back(std::move(failure));
  }
  return failures;
}

Result<void> load_apart(const Reader& reader, TaskView& view) {
  const auto load_blob = [&](bool apart, keys::BlobKind kind, std::string& out) -> Result<void> {
    if (!apart) return {};
    Result<bool> found = reader.get(Table::blobs, keys::blob(view.id, kind), out);
    if (!found) return std::move(found).error();
    if (!*found) return corrupt(Table::blobs, view.id);
    return {};
  };
  if (Result<void> r =
          load_blob(view.body->payload_apart(), keys::BlobKind::payload, view.payload_apart);
      !r)
    return r;
  if (Result<void> r =
          load_blob(view.status.result_apart(), keys::BlobKind::result, view.result_apart);
      !r)
    return r;
  return load_blob(view.status.progress_apart(), keys::BlobKind::progress, view.progress_apart);
}

namespace {

RetryPolicy policy_from(const record::RetryPolicy& record) {
  return {.strategy = static_cast<RetryStrategy>(record.strategy()),
          .base = Duration{record.base_ms()},
          .factor = record.factor(),
          .max = Duration{record.max_ms()},
          .jitter = record.jitter()};
}

std::optional<Duration> duration_if(bool present, std::int64_t ms) {
  return present ? std::optional(Duration{ms}) : std::nullopt;
}

}  // namespace

QueueSettings settings_from(const record::QueueSettings& record) {
  QueueSettings settings;
  settings.max_attempts = record.max_attempts();
  settings.retry = policy_from(record.retry());
  settings.lease = Duration{record.lease_ms()};
  settings.timeout = duration_if(record.has_timeout_ms(), record.timeout_ms());
  settings.ttl = duration_if(record.has_ttl_ms(), record.ttl_ms());
  settings.retention = Duration{record.retention_ms()};
  settings.dead_retention = duration_if(record.has_dead_retention_ms(), record.dead_retention_ms());
  settings.idempotency_window = Duration{record.idempotency_window_ms()};
  if (record.has_max_backlog()) settings.max_backlog = record.max_backlog();
  settings.paused = record.paused();
  return settings;
}

record::QueueSettings record_from(const QueueSettings& settings) {
  record::QueueSettings record;
  record.set_max_attempts(settings.max_attempts);
  record::RetryPolicy& retry = *record.mutable_retry();
  retry.set_strategy(static_cast<std::uint32_t>(settings.retry.strategy));
  retry.set_base_ms(settings.retry.base.count());
  retry.set_factor(settings.retry.factor);
  retry.set_max_ms(settings.retry.max.count());
  retry.set_jitter(settings.retry.jitter);
  record.set_lease_ms(settings.lease.count());
  if (settings.timeout) record.set_timeout_ms(settings.timeout->count());
  if (settings.ttl) record.set_ttl_ms(settings.ttl->count());
  record.set_retention_ms(settings.retention.count());
  if (settings.dead_retention) record.set_dead_retention_ms(settings.dead_retention->count());
  record.set_idempotency_window_ms(settings.idempotency_window.count());
  if (settings.max_backlog) record.set_max_backlog(*settings.max_backlog);
  record.set_paused(settings.paused);
  return record;
}

}  // namespace quern::engine
