// A token out of the system's randomness.
#pragma once

#include <string>

#include "quern/protocol/result.h"

namespace quern::access {

// "qt_" and 43 characters of base64url: 256 random bits. Scanners for leaked secrets know it by the
// prefix.
//   internal  the system has no random numbers
Result<std::string> random_token();

}  // namespace quern::access
