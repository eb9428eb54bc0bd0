#include <stdexcept>
#include <utility>

#include "idempotency.h"
#include "quern/protocol/limits.h"
#include "wire/task_json.h"
#include "worker/pool.h"

namespace quern {

Context::Context(Pool& pool, std::shared_ptr<Attempt> attempt)
    : pool_(pool), attempt_(std::move(attempt)) {}

const Task& Context::task() const { return attempt_->task; }

Timestamp Context::deadline() const { return pool_.deadline(*attempt_); }

std::stop_token Context::stop_token() const { return attempt_->stop.get_token(); }

void Context::progress(std::string_view json) {
  if (json.size() > limits::progress_bytes_max) {
    throw ApiError(invalid_argument("progress", "is larger than 64 KiB"));
  }
  constexpr std::size_t depth_max = limits::json_depth_max - 3;
  if (auto checked = sdk::check_json("progress", json, depth_max); !checked) {
    throw ApiError(checked.error());
  }
  pool_.show_progress(*attempt_, std::string(json));
}

// A call that throws counts nothing: said again by the handler, it is the same follow-up.
Task Context::submit(NewTask task) {
  FollowUps added;
  inherit(task, added);
  Task submitted = pool_.client().submit(std::move(task));
  count(added);
  return submitted;
}

std::vector<Task> Context::submit_batch(std::vector<NewTask> tasks) {
  FollowUps added;
  for (NewTask& task : tasks) inherit(task, added);
  std::vector<Task> submitted = pool_.client().submit_batch(std::move(tasks));
  count(added);
  return submitted;
}

void Context::count(const FollowUps& added) {
  for (const auto& [key, count] : added) attempt_->follow_ups[key] += count;
}

std::string Context::run_once(std::string_view key, const std::function<std::string()>& effect) {
  OnceStore* const store = pool_.once_store();
  if (store == nullptr) throw std::logic_error("Context::once() needs WorkerOptions::once_store");
  const std::string mark = attempt_->task.id + ":" + std::string(key);
  if (auto kept = store->find(mark)) return *std::move(kept);
  return store->keep(mark, effect());
}

std::vector<std::pair<std::string, std::string>> Context::log_fields() const {
  return {{"task_id", task().id},
          {"queue", task().queue},
          {"type", task().type},
          {"attempt", std::to_string(attempt())},
          {"correlation_id", correlation_id()}};
}

void Context::log(LogLevel level, std::string_view text) const {
  std::string line(text);
  for (const auto& [name, value] : log_fields()) line += " " + name + "=" + value;
  pool_.log(level, line);
}

Client& Context::client() const { return pool_.client(); }

void Context::inherit(NewTask& task, FollowUps& added) const {
  if (task.correlation_id.empty()) task.correlation_id = correlation_id();
  if (!task.idempotency_key.empty()) return;
  const std::string first = sdk::derived_key(attempt_->task.id, task, 0);
  const auto known = attempt_->follow_ups.find(first);
  const std::uint32_t before = known == attempt_->follow_ups.end() ? 0 : known->second;
  const std::uint32_t occurrence = before + added[first]++;
  task.idempotency_key = sdk::derived_key(attempt_->task.id, task, occurrence);
}

}  // namespace quern
