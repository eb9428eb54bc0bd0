// The edges of LIFECYCLE.md, each once. Commands and timers decide which one to take; these say
// what it means.
//
// Precondition of each: the task is in a state that the edge leaves, as named.
#pragma once

#include <optional>
#include <string>

#include "engine/core.h"

namespace quern::engine {

// What went wrong with an attempt.
struct Failure {
  std::string type;
  std::string message;
  std::string details;  // JSON, or empty
};

struct LeaseGrant {
  std::optional<Duration> lease;  // nullopt: the task's, else the queue's
  std::string worker_id;
};

// ready → running, with a new token.
void start(Core& core, Task& task, const LeaseGrant& grant);

// running → running: the lease reaches `lease` (or as long as it was granted for) from now, not
// past the time-out.
void extend(Core& core, Task& task, std::optional<Duration> lease,
            std::optional<std::string> progress);

// running → succeeded.
void succeed(Core& core, Task& task, std::string result);

// running → retrying or dead: here a retry is decided. `settled`: the call to recognise if it is
// repeated.
void fail(Core& core, Task& task, Failure failure, bool retryable,
          std::optional<Duration> retry_after, std::optional<record::Settled> settled);

// running → ready, or scheduled when there is a delay; the attempt does not count.
void give_back(Core& core, Task& task, Duration delay);
// running → ready as if it had never been leased: its worker never learnt of it.
void take_back(Core& core, Task& task);

// scheduled, retrying → ready; or dead, when the limit on attempts was lowered meanwhile.
void become_ready(Core& core, Task& task);

// ready, retrying → dead: its attempts reach a limit that was lowered while it waited.
void give_up(Core& core, Task& task);

// scheduled, ready, blocked → dead: it was not started in time.
void expire(Core& core, Task& task);

// any that is not terminal → cancelled.
void cancel(Core& core, Task& task);

// dead → ready, or scheduled until `at`; into another queue when `to` is given.
void redrive(Core& core, Task& task, const Queue* to, std::optional<Timestamp> at);

}  // namespace quern::engine
