// What qctl's exit status says. docs/qctl.md documents it: scripts depend on it.
#pragma once

#include "quern/protocol/error_code.h"

namespace quern::cli {

enum ExitCode : int {
  exit_ok = 0,
  exit_refused = 1,       // the server or the person asked said no; or a task did not succeed
  exit_usage = 2,         // the command line or the configuration makes no sense
  exit_not_found = 3,     // no such task or queue
  exit_unreachable = 4,   // no answer, or not from a Quern server
  exit_not_in_time = 5,   // what was waited for has not happened yet
  exit_interrupted = 130  // by Ctrl-C, as shells have it
};
// And for other signals this and their number, where qctl has to put something in order first.
inline constexpr int exit_signal_base = 128;

ExitCode exit_code_for(ErrorCode code);

// For --help and the manual page.
struct ExitStatus {
  const char* status;
  const char* meaning;
};
inline constexpr ExitStatus exit_statuses[] = {
    {"0", "done"},
    {"1", "refused by the server, declined by you, or the task did not succeed"},
    {"2", "the command line or the configuration makes no sense"},
    {"3", "no such task, queue or backup"},
    {"4", "no answer, or not one of a Quern server"},
    {"5", "not finished in the time that was given"},
    {"130", "interrupted (Ctrl-C)"},
};

}  // namespace quern::cli
