// The machine's files, which can no longer be read once somebody wants their reader to stop: for
// what takes long and asks nobody in between.
//
// Threads  any.
#pragma once

#include <stop_token>

#include "files.h"

namespace quern::storage {

Files stoppable_files(const std::stop_token& stop);

}  // namespace quern::storage
