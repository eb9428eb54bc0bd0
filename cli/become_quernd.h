// What only the server's own program can do: it alone knows what is in its directories.
#pragma once

#include <string>
#include <vector>

#include "exit_code.h"

namespace quern::cli {

// Runs quernd, from where this program lies, else from the PATH, in the place of this process.
// Returns only when there is none, with that said on standard error.
ExitCode become_quernd(std::vector<std::string> arguments);

}  // namespace quern::cli
