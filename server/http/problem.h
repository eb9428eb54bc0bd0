// Errors as RFC 9457 problems. The one place that knows which status a code has.
#pragma once

#include <string_view>

#include "http/response.h"
#include "quern/protocol/json_writer.h"
#include "quern/protocol/result.h"

namespace quern::http {

unsigned status_of(ErrorCode code);

// {"type", "title", "status", "detail", "code", …}, as an item of a list has it. A top-level
// problem also names its `instance`: the request id, as logged.
void write_problem(JsonWriter& json, const Error& error, std::string_view instance = {});

// The whole response, Retry-After and WWW-Authenticate included.
void answer_problem(const Error& error, std::string_view request_id, Response& response);

}  // namespace quern::http
