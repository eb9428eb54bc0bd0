#include "http/problem.h"

#include <fmt/format.h>

#include <algorithm>

namespace quern::http {
namespace {

struct Kind {
  unsigned status;
  std::string_view title;
};

Kind kind_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return {400, "The request has invalid fields"};
    case ErrorCode::invalid_json:
      return {400, "The body is not valid JSON"};
    case ErrorCode::bad_request:
      return {400, "The HTTP message is malformed or ambiguous"};
    case ErrorCode::unauthorized:
      return {401, "A valid token is required"};
    case ErrorCode::forbidden:
      return {403, "This is not allowed"};
    case ErrorCode::not_found:
      return {404, "There is no such path"};
    case ErrorCode::task_not_found:
      return {404, "There is no such task"};
    case ErrorCode::queue_not_found:
      return {404, "There is no such queue"};
    case ErrorCode::backup_not_found:
      return {404, "There is no such backup"};
    case ErrorCode::method_not_allowed:
      return {405, "This path does not have that method"};
    case ErrorCode::request_timeout:
      return {408, "The request came too slowly"};
    case ErrorCode::lease_lost:
      return {409, "The token no longer holds the task"};
    case ErrorCode::task_finished:
      return {409, "The task is finished"};
    case ErrorCode::not_dead:
      return {409, "The task is not dead"};
    case ErrorCode::queue_not_empty:
      return {409, "The queue is not empty"};
    case ErrorCode::no_backup_directory:
      return {409, "The server has no backup directory"};
    case ErrorCode::backup_running:
      return {409, "Another backup is under way"};
    case ErrorCode::payload_too_large:
      return {413, "The request is too large"};
    case ErrorCode::uri_too_long:
      return {414, "The request target is too long"};
    case ErrorCode::unsupported_media_type:
      return {415, "The body has an unsupported type"};
    case ErrorCode::expectation_failed:
      return {417, "The expectation cannot be met"};
    case ErrorCode::misdirected_request:
      return {421, "The request is meant for another server"};
    case ErrorCode::idempotency_key_reused:
      return {422, "The idempotency key names another task"};
    case ErrorCode::queue_full:
      return {429, "The queue is full"};
    case ErrorCode::too_many_queues:
      return {429, "There are too many queues"};
    case ErrorCode::too_many_tries:
      return {429, "There were too many wrong tokens"};
    case ErrorCode::headers_too_large:
      return {431, "The request header is too large"};
    case ErrorCode::store_corrupt:
      return {500, "Stored data failed a check"};
    case ErrorCode::backup_failed:
      return {500, "The backup failed"};
    case ErrorCode::internal:
      return {500, "The server failed"};
    case ErrorCode::not_implemented:
      return {501, "The server does not know how to do that"};
    case ErrorCode::overloaded:
      return {503, "The server has too much to do"};
    case ErrorCode::draining:
      return {503, "The server is about to stop"};
    case ErrorCode::read_only:
      return {503, "The server takes no writes"};
    case ErrorCode::recovering:
      return {503, "The server is recovering"};
    case ErrorCode::store_unavailable:
      return {503, "The storage failed; the outcome is unknown"};
    case ErrorCode::unreachable:
    case ErrorCode::untrusted:
    case ErrorCode::bad_response:
      break;  // a client's own
  }
  return {500, "The server failed"};
}

// "/problems/lease-lost"
std::string type_of(ErrorCode code) {
  std::string type = "/problems/";
  type += to_string(code);
  std::replace(type.begin(), type.end(), '_', '-');
  return type;
}

// `instance` is a URI reference, and a client's request id may hold any visible character.
std::string as_uri_path(std::string_view text) {
  constexpr std::string_view kept =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string out;
  for (const char c : text) {
    if (kept.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

// Whether to repeat the request later makes sense at all.
bool is_transient(unsigned status) { return status == 429 || status == 503; }

}  // namespace

unsigned status_of(ErrorCode code) { return kind_of(code).status; }

void write_problem(JsonWriter& json, const Error& error, std::string_view instance) {
  const Kind kind = kind_of(error.code);
  json.begin_object();
  json.key("type").string(type_of(error.code));
  json.key("title").string(kind.title);
  json.key("status").number(std::uint64_t{kind.status});
  json.key("detail").string(error.detail);
  json.key("code").string(to_string(error.code));
  if (!instance.empty()) json.key("instance").string(as_uri_path(instance));
  if (!error.fields.empty()) {
    json.key("errors").begin_array();
    for (const FieldError& field : error.fields) {
      json.begin_object();
      json.key("pointer").string(field.pointer);
      json.key("detail").string(field.detail);
      json.end_object();
    }
    json.end_array();
  }
  json.end_object();
}

void answer_problem(const Error& error, std::string_view request_id, Response& response) {
  response.clear();
  response.status = status_of(error.code);
  response.content_type = "application/problem+json";
  if (is_transient(response.status)) {
    const std::uint32_t seconds = std::max(error.retry_after_seconds, std::uint32_t{1});
    response.add_field("Retry-After", std::to_string(seconds));
  }
  // RFC 9110 section 11.6.1: a 401 says how to do better.
  if (response.status == 401) response.add_field("WWW-Authenticate", R"(Bearer realm="quern")");
  JsonWriter json(response.body);
  write_problem(json, error, request_id);
}

}  // namespace quern::http
