// What one run of the load generator does, as said on its command line.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "wire.h"

namespace quern::bench {

enum class Mode {
  ping,       // GET /healthz
  submit,     // POST /tasks
  batch,      // POST /tasks/batch
  preload,    // the same, to fill queues with a given number of tasks
  lifecycle,  // submit, lease, complete: one request each
  lease,      // lease and complete what is in the queues, until they are empty
  deliver,    // submit on schedule, while as many workers wait for the tasks
};

struct Options {
  Mode mode = Mode::submit;
  Wire wire = Wire::quern;
  std::string host = "127.0.0.1";
  std::string port = "7480";
  std::uint32_t connections = 64;

  // A run ends after `seconds`, or after `count` tasks.
  std::chrono::duration<double> seconds{10};
  std::optional<std::uint64_t> count;
  std::chrono::duration<double> warmup{1};  // before `seconds`, not measured

  // Cycles begun per second, on schedule whether or not the server keeps up; 0: as soon as the
  // connection's last one is done.
  double rate = 0;

  std::uint32_t payload_bytes = 200;
  std::uint32_t batch = 1;  // tasks per request, of those modes that can
  std::string run_at;       // of the tasks submitted, as the interface takes it; empty: now
  bool fails = false;       // lease: tasks fail for good instead of being completed
  std::string queue = "bench";
  std::uint32_t queues = 1;  // more than one: queue-0, queue-1, …, in turn
  bool json = false;
};

struct Usage {
  int exit_code = 0;  // --help, or an error; said already
};

// The options, or why there is nothing to run.
struct ParsedOptions {
  Options options;
  std::optional<Usage> usage;
};
ParsedOptions parse_options(int argc, char** argv);

const char* name_of(Mode mode);
const char* name_of(Wire wire);

// A payload of the mode deliver says when it was due: 20 digits in quotes.
inline constexpr std::uint32_t deliver_payload_bytes_min = 22;

}  // namespace quern::bench
