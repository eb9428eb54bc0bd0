#include "worker/options.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "quern/protocol/limits.h"

namespace quern::sdk {
namespace {

std::string default_worker_id() {
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  return std::string(host) + ":" + std::to_string(getpid());
}

void log_to_stderr(LogLevel level, std::string_view text) {
  if (level < LogLevel::warning) return;
  std::fprintf(stderr, "quern worker: %.*s\n", static_cast<int>(text.size()), text.data());
}

void refuse(const char* field, const char* why) { throw ApiError(invalid_argument(field, why)); }

}  // namespace

WorkerOptions checked(WorkerOptions options) {
  if (options.queues.empty()) refuse("queues", "must name at least one queue");
  if (options.concurrency < 1 || options.concurrency > limits::lease_tasks_max) {
    refuse("concurrency", "must be 1..1000");
  }
  if (options.lease && (*options.lease < limits::lease_min || *options.lease > limits::lease_max)) {
    refuse("lease", "must be from 1 second to 12 hours");
  }
  if (options.wait < Duration{1'000} || options.wait > limits::wait_max) {
    refuse("wait", "must be 1 to 60 seconds");
  }
  if (options.grace < Duration{0}) refuse("grace", "must not be negative");
  options.grace = std::min(options.grace, limits::ten_years);  // more would overflow the clock
  options.heartbeat = std::max(options.heartbeat, Duration{100});
  if (options.worker_id.empty()) options.worker_id = default_worker_id();
  if (!options.log) options.log = log_to_stderr;
  return options;
}

ClientOptions client_options_for(ClientOptions options) {
  options.retry_for = Duration{0};
  return options;
}

}  // namespace quern::sdk
