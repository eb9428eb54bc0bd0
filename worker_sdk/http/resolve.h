// From a host name to addresses, within a deadline.
//
// Threads  any.
// Errors   unreachable: no such host, or no answer in time.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "quern/protocol/result.h"

namespace quern::sdk {

// The addresses of a host as text; runs on a thread of its own.
using Lookup = std::function<Result<std::vector<std::string>>(const std::string& host)>;

// getaddrinfo().
Result<std::vector<std::string>> system_lookup(const std::string& host);

// The addresses of `host` in the order in which they are to be tried, at least one. A name server
// that stays silent cannot be interrupted, so its thread is left behind when the time is over.
Result<std::vector<std::string>> resolve(const std::string& host,
                                         std::chrono::steady_clock::time_point deadline,
                                         Lookup lookup = system_lookup);

}  // namespace quern::sdk
