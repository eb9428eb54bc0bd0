// Runs one program to its end: bytes in, bytes out, and nothing of it left behind.
//
// Shape    The program is the leader of its own process group. When it is to stop, the group gets
//          SIGTERM and, after a grace time, SIGKILL. What is left of its descendants when it has
//          ended, or when this process is killed, is killed by its guard (guard.h). It ends in
//          time even if the guard hangs.
// Threads  any number may run programs at once. SIGPIPE must be ignored.
// Errors   std::system_error when the program cannot be started.
#pragma once

#include <sys/resource.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "work/attempt_time.h"

namespace quern::cli {

struct ProcessOptions {
  std::vector<std::string> command;      // the program is looked for in PATH
  std::vector<std::string> environment;  // "NAME=value", the whole of it
  std::string input;
  std::size_t output_bytes_max = 0;  // more of standard output stops it
  std::optional<std::chrono::milliseconds> timeout;
  std::chrono::milliseconds kill_after{4'000};
  AttemptTime attempt_time = {};  // kills it sooner, if need be
  rlim_t descriptors = 0;         // its soft limit of file descriptors; 0: as ours
  // Given what the program writes to standard error, as it comes.
  std::function<void(std::string_view)> on_error_output;
};

// So many of its own a process holds while it runs.
inline constexpr unsigned process_descriptors = 5;

enum class StopReason { none, asked, timeout, too_much_output };

struct ProcessResult {
  int exit_status = 0;  // when signal is 0
  int signal = 0;       // that ended it
  StopReason stopped = StopReason::none;
  std::string output;
};

ProcessResult run_process(const ProcessOptions& options, std::stop_token stop);

}  // namespace quern::cli
