// From an answer that is not 2xx to an Error: RFC 9457, or whatever else answered.
#pragma once

#include "http/connection.h"
#include "quern/protocol/json_reader.h"
#include "quern/protocol/result.h"

namespace quern::sdk {

// bad_response when it is no problem document at all.
Error problem_of(const HttpResponse& response);

// Worth another try later, as far as the error goes: the server is away or busy.
bool is_transient(ErrorCode code);

// The server allows no long poll of the length that was asked for.
bool is_wait_too_long(const Error& error);

// Reads a problem object, as in one item of a settle's answer. False when it is none.
bool read_problem(JsonReader& json, Error& error);

}  // namespace quern::sdk
