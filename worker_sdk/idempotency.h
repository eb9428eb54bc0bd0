// Idempotency keys for those who bring none.
#pragma once

#include <cstdint>
#include <string>

#include "quern/task.h"

namespace quern::sdk {

// 128 random bits, so that a repeat of our own call finds the task that the first one made.
std::string random_key();

// The same for the same follow-up of the same task, in every attempt. `occurrence` tells apart
// follow-ups of one attempt that are equal on purpose.
std::string derived_key(std::string_view parent_id, const NewTask& follow_up,
                        std::uint32_t occurrence);

}  // namespace quern::sdk
