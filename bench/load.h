// Drives a server with many connections from one thread and measures what comes back.
//
// Closed loop: a connection begins its next cycle when its last one is done. Open loop: cycles
// begin on a fixed schedule; one that finds every connection busy waits for the first that is free,
// and its latency counts from when it was due, so that a server which stalls cannot hide it (no
// coordinated omission).
//
// Shape    what begins within the measured time is measured, to its end; latencies in nanoseconds.
// Errors   LoadError: the server is gone or silent. An answer that is not 2xx is counted, and the
//          connection begins another cycle.
#pragma once

#include <csignal>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "histogram.h"
#include "options.h"
#include "workload.h"

namespace quern::bench {

struct StepResult {
  Step step = Step::ping;
  Histogram latency;
};

struct Results {
  double seconds = 0;  // from the first measured moment to the last measured answer
  std::uint64_t cycles = 0;
  std::uint64_t tasks = 0;
  std::uint64_t requests = 0;
  std::vector<StepResult> steps;
  Histogram cycle_latency;
  Histogram delivery;  // mode deliver: from when a submit was due until a worker has the task

  // By status, or "lost" (the connection ended first), "malformed" (no answer that we read),
  // "confused" (not what the step expects), "unsent" (due in an open loop, and never begun).
  // Warm-up included.
  std::map<std::string, std::uint64_t> failures;
  std::string first_failure;  // as it came
  std::uint64_t late_max =
      0;                   // open loop: cycles that were due and waited for a connection, at most
  double cpu_seconds = 0;  // of the load generator
};

// A signal handler that sets `interrupted` ends the measured time early.
Results run_load(const Options& options, const volatile std::sig_atomic_t& interrupted);

}  // namespace quern::bench
