// A worker's options, made complete: checked, and with what was left out.
#pragma once

#include "quern/worker.h"

namespace quern::sdk {

// Throws ApiError (invalid_argument) for what is out of range.
WorkerOptions checked(WorkerOptions options);

// For the client that a worker leases and reports with. It never repeats a call by itself: the
// worker knows better when.
ClientOptions client_options_for(ClientOptions options);

}  // namespace quern::sdk
