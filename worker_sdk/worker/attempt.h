// One attempt at one task, from its lease to the report of how it went.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>

#include "quern/worker.h"

namespace quern {

class Attempt {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;

  Attempt(Task leased, const WorkerOptions& options)
      : task(std::move(leased)),
        length(task.lease->length.value_or(options.lease.value_or(QueueSettings{}.lease))),
        heartbeat(std::min(options.heartbeat, length / 3)),
        deadline(task.lease->expires_at) {}

  const Task task;
  const Duration length;     // of the lease
  const Duration heartbeat;  // between two of them
  std::stop_source stop;

  // Below: guarded by Pool's mutex.
  Timestamp deadline;       // the lease's end by the server's clock
  SteadyTime lease_until;   // by ours, on the safe side
  SteadyTime leased_at;     // when it came
  SteadyTime heartbeat_at;  // the last one that was sent
  SteadyTime heartbeat_due;
  SteadyTime stop_at = SteadyTime::max();  // shortly before the attempt's time-out; or at once
  std::string progress;                    // to go with the next heartbeat
  std::optional<Error> lost;               // the server said so: there is nothing left to report
  bool shutting_down = false;              // asked to stop because the worker ends, not the task
  bool released = false;                   // given back while its handler still ran

  // When its handler is to be asked to stop. Also when the server has not been heard of for a whole
  // lease: it will then have given the task to somebody else.
  SteadyTime asked_to_stop_at() const { return std::min(stop_at, lease_until); }
  // Asked to stop since its time-out is near: never so when stop_now() asked before.
  bool timing_out() const {
    return stop_at != SteadyTime::min() && stop_at <= std::chrono::steady_clock::now();
  }
  void stop_now() { stop_at = SteadyTime::min(); }
  // A heartbeat, or the lease call itself, goes with this time.
  void heartbeat_sent(SteadyTime at) {
    heartbeat_at = at;
    heartbeat_due = at + heartbeat;
  }

  // Below: the handler's own.
  std::map<std::string, std::uint32_t> follow_ups;  // how often each was submitted
};

// Runs the handler and says what to report. `handler` may be null: nobody handles this type.
Settlement run_handler(const Worker::Handler* handler, Context& context);

// A settlement for `task`, with nothing but its op.
Settlement settlement_for(const Task& task, SettleOp op);

}  // namespace quern
