// What a submit may say about a task, whoever reads it: the server, or qctl from a file.
#pragma once

#include <string_view>

#include "quern/protocol/json_fields.h"

namespace quern {

inline constexpr std::string_view task_fields[] = {
    "queue",    "type",       "payload",         "priority",       "delay_ms",
    "run_at",   "ttl_ms",     "expires_at",      "max_attempts",   "retry",
    "lease_ms", "timeout_ms", "idempotency_key", "correlation_id", "metadata"};
inline constexpr JsonNames task_names{.noun = "a field of a task", .known = task_fields};

}  // namespace quern
