// What time it is, as the engine is told.
#pragma once

#include <chrono>

#include "quern/protocol/timestamp.h"

namespace quern::engine {

// Both only ever grow within a process. `wall` is for what is stored or shown: delays, retries,
// retention. `steady` is for how long something took: leases, time-outs, long-polls, so that a jump
// of the wall clock ends no lease.
// In microseconds, so that what is measured in it never ends a rounding error early.
using Steady = std::chrono::microseconds;

struct Now {
  Timestamp wall;
  Steady steady{0};  // since an arbitrary start
};

}  // namespace quern::engine
