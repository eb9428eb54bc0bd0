// Whether a group's batch keeps records, index entries and counts in step: looks at what it touches
// alone, so that every step can afford it.
#pragma once

#include "after.h"
#include "model_state.h"

namespace quern::sim {

// Errors: Violation.
void check_indexes(const After& after, const State& state);

}  // namespace quern::sim
