// Runs the program of `qctl work` for one task after another, and tells the SDK how each went.
//
// Threads  run() may be called by many at once.
#pragma once

#include <sys/resource.h>

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "connection.h"
#include "quern/worker.h"
#include "work/diagnostics.h"
#include "work/outcome.h"
#include "work/report.h"

namespace quern::cli {

struct HandlerOptions {
  std::vector<std::string> command;
  std::optional<Duration> timeout;
  Duration kill_after{4'000};
  ResultAs result = ResultAs::automatic;
  bool pass_token = false;
  rlim_t descriptors = 0;  // a program's soft limit of file descriptors; 0: as ours
};

class Handler {
 public:
  // `stop` ends the worker: no program can be run at all. All references must outlive this.
  Handler(HandlerOptions options, const Connection& connection, Report& report,
          Diagnostics& diagnostics, std::function<void()> stop);

  // The task's result; throws what the SDK's worker understands.
  std::string run(Context& context);
  // Why `stop` was called, if it was; when all threads have ended.
  const std::optional<std::string>& start_failure() const { return start_failure_; }

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;

  std::size_t result_bytes_max(Client& client);
  [[noreturn]] void not_started(const std::system_error& error);
  void say_shortage(const std::string& why);

  const HandlerOptions options_;
  const Connection& connection_;
  Report& report_;
  Diagnostics& diagnostics_;
  const std::function<void()> stop_;

  std::once_flag limit_asked_;
  std::size_t result_bytes_max_;

  std::mutex mutex_;
  std::optional<std::string> start_failure_;
  std::optional<SteadyTime> shortage_said_at_;
};

}  // namespace quern::cli
