#include "http/cursor.h"
#include "http/decode.h"
#include "http/request_body.h"

namespace quern::http {
namespace {

constexpr JsonNames no_names{.noun = "known here: this request has no fields", .known = {}};

}  // namespace

Result<TaskId> decode_task_id(const std::string& text) {
  if (const std::optional<TaskId> id = TaskId::parse(text)) return *id;
  return Error{.code = ErrorCode::task_not_found,
               .detail = "the path does not hold the id of a task (a UUIDv7 in lower case)"};
}

Result<void> decode_queue_name(const std::string& text) {
  if (is_name(text)) return {};
  return Error{.code = ErrorCode::queue_not_found,
               .detail = "the path does not hold the name of a queue"};
}

Result<std::uint32_t> decode_backup_id(const std::string& text) {
  if (const std::optional<std::uint32_t> id = backup_id_from(text)) return *id;
  return Error{.code = ErrorCode::backup_not_found,
               .detail = "the path does not hold the number of a backup"};
}

Result<void> decode_empty_body(std::string_view text, const RequestLimits& limits) {
  if (text.empty()) return {};
  RequestBody body(text, limits);
  JsonFields field(body.root(), no_names);
  while (field.next()) {
  }
  return body.finish();
}

}  // namespace quern::http
