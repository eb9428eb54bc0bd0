// The closed set of reasons a request is refused, as spelled in a problem's `code`.
//
// Source   docs/openapi.yaml lists them with their HTTP status; server/http/problem.cpp maps them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace quern {

// Grouped by what the caller should do next.
enum class ErrorCode : std::uint8_t {
  // Fix the request.
  invalid_argument,        // 400: `errors` says which field
  invalid_json,            // 400: the body is not JSON, or not the JSON we accept
  bad_request,             // 400: the HTTP message itself is ambiguous or malformed
  unauthorized,            // 401
  forbidden,               // 403
  not_found,               // 404: no such path
  method_not_allowed,      // 405
  request_timeout,         // 408
  payload_too_large,       // 413
  uri_too_long,            // 414
  unsupported_media_type,  // 415
  misdirected_request,     // 421
  headers_too_large,       // 431
  not_implemented,         // 501: method or transfer coding unknown
  expectation_failed,      // 417
  // The thing is not there, or not in the state that the call needs: stop, or look again.
  task_not_found,          // 404
  queue_not_found,         // 404
  lease_lost,              // 409
  task_finished,           // 409
  not_dead,                // 409
  queue_not_empty,         // 409
  backup_not_found,        // 404
  no_backup_directory,     // 409: the server was started without one
  backup_running,          // 409: another backup or check of one is under way
  idempotency_key_reused,  // 422
  // Wait, then repeat with the same idempotency key or token.
  queue_full,         // 429
  too_many_queues,    // 429
  too_many_tries,     // 429: wrong tokens
  overloaded,         // 503
  draining,           // 503
  read_only,          // 503
  recovering,         // 503
  store_unavailable,  // 503: the outcome of a write is unknown
  // Call the operator.
  store_corrupt,  // 500
  backup_failed,  // 500: the tasks and the earlier backups are as they were
  internal,       // 500
  // Only ever made by a client.
  unreachable,   // no answer in time, or none at all: as with a 5xx, a write's outcome is unknown
  untrusted,     // the TLS certificate is not vouched for, or is another host's; nothing was sent
  bad_response,  // something answered that is not a Quern server of a version known here
};

// The wire spelling, as in "lease_lost".
std::string_view to_string(ErrorCode code);
std::optional<ErrorCode> error_code_from(std::string_view text);

}  // namespace quern
