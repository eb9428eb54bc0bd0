#include "quern/protocol/error_code.h"

namespace quern {
namespace {

constexpr ErrorCode code_last = ErrorCode::bad_response;

}  // namespace

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid_argument";
    case ErrorCode::invalid_json:
      return "invalid_json";
    case ErrorCode::bad_request:
      return "bad_request";
    case ErrorCode::unauthorized:
      return "unauthorized";
    case ErrorCode::forbidden:
      return "forbidden";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::method_not_allowed:
      return "method_not_allowed";
    case ErrorCode::request_timeout:
      return "request_timeout";
    case ErrorCode::payload_too_large:
      return "payload_too_large";
    case ErrorCode::uri_too_long:
      return "uri_too_long";
    case ErrorCode::unsupported_media_type:
      return "unsupported_media_type";
    case ErrorCode::misdirected_request:
      return "misdirected_request";
    case ErrorCode::headers_too_large:
      return "headers_too_large";
    case ErrorCode::not_implemented:
      return "not_implemented";
    case ErrorCode::expectation_failed:
      return "expectation_failed";
    case ErrorCode::task_not_found:
      return "task_not_found";
    case ErrorCode::queue_not_found:
      return "queue_not_found";
    case ErrorCode::lease_lost:
      return "lease_lost";
    case ErrorCode::task_finished:
      return "task_finished";
    case ErrorCode::not_dead:
      return "not_dead";
    case ErrorCode::queue_not_empty:
      return "queue_not_empty";
    case ErrorCode::backup_not_found:
      return "backup_not_found";
    case ErrorCode::no_backup_directory:
      return "no_backup_directory";
    case ErrorCode::backup_running:
      return "backup_running";
    case ErrorCode::idempotency_key_reused:
      return "idempotency_key_reused";
    case ErrorCode::queue_full:
      return "queue_full";
    case ErrorCode::too_many_queues:
      return "too_many_queues";
    case ErrorCode::too_many_tries:
      return "too_many_tries";
    case ErrorCode::overloaded:
      return "overloaded";
    case ErrorCode::draining:
      return "draining";
    case ErrorCode::read_only:
      return "read_only";
    case ErrorCode::recovering:
      return "recovering";
    case ErrorCode::store_unavailable:
      return "store_unavailable";
    case ErrorCode::store_corrupt:
      return "store_corrupt";
    case ErrorCode::backup_failed:
      return "backup_failed";
    case ErrorCode::internal:
      return "internal";
    case ErrorCode::unreachable:
      return "unreachable";
    case ErrorCode::untrusted:
      return "untrusted";
    case ErrorCode::bad_response:
      return "bad_response";
  }
  return "";
}

std::optional<ErrorCode> error_code_from(std::string_view text) {
  for (std::uint8_t i = 0; i <= static_cast<std::uint8_t>(code_last); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    if (text == to_string(code)) return code;
  }
  return std::nullopt;
}

}  // namespace quern
