// What qctl's exit status says. README.md documents it: scripts depend on it.
#pragma once

#include "quern/protocol/error_code.h"

namespace quern::cli {

enum ExitCode : int {
  exit_ok = 0,
  exit_refused = 1,      // the server said no; or a task that was waited for did not succeed
  exit_usage = 2,        // the command line makes no sense
  exit_not_found = 3,    // no such task or queue
  exit_unreachable = 4,  // no answer, or not from a Quern server
};

ExitCode exit_code_for(ErrorCode code);

}  // namespace quern::cli
