// The idempotency keys of a batch: what makes running the same command again safe.
#pragma once

#include <cstdint>
#include <string>

#include "quern/task.h"

namespace quern::cli {

// "<prefix>:<line>:<32 hex digits>", the digits from the SHA-256 of everything that the task says,
// options of the command line included. The same line at the same place is the same task; equal
// lines at two places are two tasks; a line that was changed is another task.
std::string batch_key(const std::string& prefix, std::uint64_t line, const NewTask& task);

}  // namespace quern::cli
