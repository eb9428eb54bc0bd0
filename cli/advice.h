// Says plainly what went wrong, and what to do about it.
#pragma once

#include <string>
#include <string_view>

#include "session.h"

namespace quern::cli {

// The `code` of what no server said, with --json.
inline constexpr std::string_view usage_code = "usage";  // exit status 2
inline constexpr std::string_view not_in_time_code = "not_in_time";
inline constexpr std::string_view worker_code = "worker";  // goes on all the same
inline constexpr std::string_view system_code = "system";  // no memory, no descriptors, …
inline constexpr std::string_view output_code = "output";  // could not be written

// A line: "qctl: detail", or with --json {"code": …, "detail": …}.
std::string failure_line(bool json, std::string_view code, const std::string& detail);
// The same to standard error.
void print_failure(bool json, std::string_view code, const std::string& detail);

// To standard error: for eyes, or with --json as one object with `code`, `detail` and, where single
// fields are wrong, `errors`. May ask the server which version it is.
void print_error(Session& session, const ApiError& error);

}  // namespace quern::cli
