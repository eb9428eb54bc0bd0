#include "problem.h"

#include <algorithm>

#include "wire/read_object.h"

namespace quern::sdk {
namespace {

bool read_fields(JsonReader& json, std::vector<FieldError>& fields) {
  return read_array(json, [&] {
    FieldError& field = fields.emplace_back();
    return read_object(json, [&](std::string_view key) {
      if (key == "pointer") return json.read_string(field.pointer);
      if (key == "detail") return json.read_string(field.detail);
      return false;
    });
  });
}

// What a code that this version does not know amounts to.
ErrorCode code_for_status(std::int64_t status) {
  if (status == 404) return ErrorCode::not_found;
  if (status == 409) return ErrorCode::task_finished;
  if (status == 429) return ErrorCode::queue_full;
  if (status == 503) return ErrorCode::overloaded;
  return status / 100 == 4 ? ErrorCode::bad_request : ErrorCode::internal;
}

// What a proxy in front of the server says in its place while that is away or busy.
bool is_from_gateway(unsigned status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

Error not_quern(const HttpResponse& response) {
  if (is_from_gateway(response.status)) {
    return Error{.code = ErrorCode::unreachable,
                 .detail = "status " + std::to_string(response.status) +
                           " without a word of Quern's: a proxy does not reach the server",
                 .retry_after_seconds = response.retry_after_seconds};
  }
  return Error{
      .code = ErrorCode::bad_response,
      .detail = "the answer was status " + std::to_string(response.status) + " with " +
                (response.content_type.empty() ? "no content type" : response.content_type) +
                " instead of a problem: is a Quern server at that address?"};
}

}  // namespace

bool is_transient(ErrorCode code) {
  switch (code) {
    case ErrorCode::unreachable:
    case ErrorCode::request_timeout:
    case ErrorCode::queue_full:
    case ErrorCode::overloaded:
    case ErrorCode::draining:
    case ErrorCode::read_only:
    case ErrorCode::recovering:
    case ErrorCode::store_unavailable:
      return true;
    default:
      return false;
  }
}

bool is_wait_too_long(const Error& error) {
  return std::ranges::any_of(error.fields,
                             [](const FieldError& field) { return field.pointer == "/wait_ms"; });
}

bool read_problem(JsonReader& json, Error& error) {
  std::string title;
  std::string code_text;
  std::int64_t status = 500;
  const bool is_object = read_object(json, [&](std::string_view key) {
    if (key == "code") return json.read_string(code_text);
    if (key == "detail") return json.read_string(error.detail);
    if (key == "title") return json.read_string(title);
    if (key == "status") return json.read_int64(status);
    if (key == "errors") return read_fields(json, error.fields);
    return false;
  });
  if (!is_object || code_text.empty()) return false;
  if (error.detail.empty()) error.detail = title;
  if (const auto code = error_code_from(code_text)) {
    error.code = *code;
  } else {
    error.code = code_for_status(status);
    error.detail = code_text + ": " + error.detail;
  }
  return true;
}

Error problem_of(const HttpResponse& response) {
  if (!response.content_type.starts_with("application/problem+json")) return not_quern(response);
  JsonReader json(response.body);
  Error error;
  if (!read_problem(json, error)) return not_quern(response);
  error.retry_after_seconds = response.retry_after_seconds;
  return error;
}

}  // namespace quern::sdk
