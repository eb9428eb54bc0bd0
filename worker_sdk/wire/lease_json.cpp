#include "wire/lease_json.h"

#include <algorithm>
#include <utility>

#include "problem.h"
#include "quern/protocol/limits.h"
#include "wire/read_object.h"
#include "wire/task_json.h"

namespace quern::sdk {
namespace {

// A result sits inside an item of a list inside the body, and nesting is counted over all of it.
constexpr std::size_t settlement_depth_max = limits::json_depth_max - 3;

Result<void> check(const Settlement& item) {
  for (const auto& [pointer, text] :
       {std::pair<std::string_view, const std::string&>{"/result", item.result},
        {"/progress", item.progress},
        {"/error/details", item.error.details}}) {
    if (text.empty()) continue;
    if (auto checked = check_json(pointer, text, settlement_depth_max); !checked) return checked;
  }
  return Ok{};
}

void write_error(JsonWriter& json, const TaskError& raw) {
  const TaskError error = tidied(raw);
  json.key("error").begin_object();
  json.key("type").string(error.type);
  json.key("message").string(error.message);
  if (!error.details.empty()) json.key("details").raw(error.details);
  json.end_object();
}

void write_fields(JsonWriter& json, const Settlement& item) {
  json.key("lease_token").string(item.lease_token);
  switch (item.op) {
    case SettleOp::complete:
      json.key("result").raw(item.result.empty() ? "null" : std::string_view(item.result));
      return;
    case SettleOp::fail:
      write_error(json, item.error);
      json.key("retryable").boolean(item.retryable);
      if (item.retry_after) {
        json.key("retry_after_ms").number(std::int64_t{item.retry_after->count()});
      }
      return;
    case SettleOp::heartbeat:
      if (item.lease) json.key("lease_ms").number(std::int64_t{item.lease->count()});
      if (!item.progress.empty()) json.key("progress").raw(item.progress);
      return;
    case SettleOp::release:
      if (item.delay.count() != 0) json.key("delay_ms").number(std::int64_t{item.delay.count()});
      return;
  }
}

Result<void> write_items(JsonWriter& json, const std::vector<Settlement>& settle) {
  json.key("settle").begin_array();
  for (const Settlement& item : settle) {
    if (auto checked = check(item); !checked) return checked;
    json.begin_object();
    json.key("op").string(to_string(item.op));
    json.key("id").string(item.id);
    write_fields(json, item);
    json.end_object();
  }
  json.end_array();
  return Ok{};
}

bool read_settled(JsonReader& json, Settled& settled) {
  const bool is_object = read_object(json, [&](std::string_view key) {
    if (key == "id") return json.read_string(settled.id);
    if (key == "problem") return read_problem(json, settled.problem.emplace());
    if (key == "state") return read_task_state(json, settled.state);
    if (key == "lease") {
      return read_object(json, [&](std::string_view field) {
        return field == "expires_at" && read_timestamp(json, settled.lease_expires_at);
      });
    }
    return false;
  });
  return is_object && !settled.id.empty() && (settled.state || settled.problem);
}

// `text` cut to `bytes_max`, not inside a character, with every byte that is not UTF-8's replaced.
void make_fit(std::string& text, std::size_t bytes_max) {
  if (text.size() > bytes_max) {
    std::size_t end = bytes_max;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text.resize(end);
  }
  std::string quoted;
  append_json_string(quoted, text);
  if (!JsonReader(quoted).failed()) return;
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
}

}  // namespace

std::string_view to_string(SettleOp op) {
  switch (op) {
    case SettleOp::complete:
      return "complete";
    case SettleOp::fail:
      return "fail";
    case SettleOp::heartbeat:
      return "heartbeat";
    case SettleOp::release:
      return "release";
  }
  return "";
}

TaskError tidied(TaskError error) {
  make_fit(error.type, limits::error_type_bytes_max);
  make_fit(error.message, limits::error_message_bytes_max);
  if (error.type.empty()) error.type = "Error";
  return error;
}

Result<void> write_lease_request(JsonWriter& json, const LeaseRequest& request) {
  json.begin_object();
  json.key("queues").begin_array();
  for (const std::string& queue : request.queues) json.string(queue);
  json.end_array();
  json.key("max_tasks").number(std::uint64_t{request.max_tasks});
  if (request.wait.count() != 0) json.key("wait_ms").number(std::int64_t{request.wait.count()});
  if (request.lease) json.key("lease_ms").number(std::int64_t{request.lease->count()});
  if (!request.worker_id.empty()) json.key("worker_id").string(request.worker_id);
  if (!request.settle.empty()) {
    if (auto written = write_items(json, request.settle); !written) return written;
  }
  json.end_object();
  return Ok{};
}

Result<void> write_settle_request(JsonWriter& json, const std::vector<Settlement>& settle) {
  json.begin_object();
  auto written = write_items(json, settle);
  json.end_object();
  return written;
}

Result<void> write_settlement_body(JsonWriter& json, const Settlement& item) {
  auto checked = check(item);
  json.begin_object();
  write_fields(json, item);
  json.end_object();
  return checked;
}

bool read_lease_answer(JsonReader& json, LeaseAnswer& answer) {
  bool all = true;
  bool found = false;  // a lease's answer has tasks, a settle's what was settled
  const bool is_object = read_object(json, [&](std::string_view key) {
    if (key == "tasks") return found = all = read_tasks(json, answer.tasks) && all;
    if (key != "settled") return false;
    found = true;
    return read_array(
        json, [&] { return all = read_settled(json, answer.settled.emplace_back()) && all; });
  });
  return is_object && found && all;
}

}  // namespace quern::sdk
