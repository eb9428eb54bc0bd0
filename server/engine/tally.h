// What has happened to the tasks of a queue since the process began: every edge of LIFECYCLE.md,
// counted.
//
// Shape    numbers that only grow. Between two looks at a queue
//            tasks in it     = submitted + moved_in - moved_out - removed, all reasons
//            running ones    = leased - completed - failed - released - revoked
//            dead            = retried + dead of failed attempts = failed
//          hold as differences (tests/engine/figures_test.cpp). Times are in microseconds.
// Threads  none: the engine's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/histogram.h"
#include "engine/now.h"
#include "quern/protocol/task_state.h"

namespace quern::engine {

// From a task that was waited for to one that takes a night, in microseconds.
inline constexpr std::array<std::uint64_t, 15> task_time_bounds = {
    1'000,      5'000,       25'000,      100'000,       500'000,
    1'000'000,  2'500'000,   5'000'000,   15'000'000,    30'000'000,
    60'000'000, 300'000'000, 900'000'000, 3'600'000'000, 14'400'000'000};

// Why a task is no longer there.
enum class Removal : std::uint8_t { retention, purge, discard, queue_deleted };
inline constexpr std::size_t removal_count = 4;
inline constexpr std::size_t dead_reason_count = 4;  // with `none`, which stays 0

struct QueueTally {
  std::uint64_t submitted = 0;
  std::uint64_t replayed = 0;  // submits that named a task which was there already
  std::uint64_t leased = 0;    // attempts begun
  std::uint64_t extended = 0;  // heartbeats
  // Attempts ended, each in one of the next four.
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;         // by report, or because the lease or the time-out was over
  std::uint64_t released = 0;       // given back, not counted as an attempt
  std::uint64_t revoked = 0;        // by a cancel, or because the queue was deleted
  std::uint64_t lease_expired = 0;  // of `failed`
  std::uint64_t timed_out = 0;      // of `failed`
  std::uint64_t undelivered = 0;    // of `released`: its worker never heard of it
  std::uint64_t retried = 0;        // of `failed`: another attempt follows
  std::uint64_t cancelled = 0;
  std::uint64_t redriven = 0;  // counted where the task was dead
  std::uint64_t moved_in = 0;  // by a redrive from another queue, or to one
  std::uint64_t moved_out = 0;
  std::array<std::uint64_t, dead_reason_count> dead{};  // by DeadReason
  std::array<std::uint64_t, removal_count> removed{};   // by Removal
  Histogram<task_time_bounds> wait;                     // ready → leased, in wall time
  Histogram<task_time_bounds> run;  // leased → completed or failed, in steady time
};

// One change of a task's status.
struct Move {
  TaskState from = TaskState::ready;
  TaskState to = TaskState::ready;
  DeadReason dead_reason = DeadReason::none;  // when `to` is dead
  Steady took{0};  // in `from`: of ready since it could run, of running since the attempt began
};

void count(QueueTally& tally, const Move& move);

}  // namespace quern::engine
