// Every key of the store, built and parsed here and nowhere else. FORMAT.md draws them.
//
// Shape    integers big endian, signed ones with their sign bit turned over, so that bytes sort as
//          numbers do. Names and idempotency keys come last or are followed by a zero byte, which
//          none of them can contain.
// Errors   none: to parse what these functions did not build is a bug (an assertion).
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "quern/protocol/task_id.h"
#include "quern/protocol/timestamp.h"

namespace quern::storage::keys {

using QueueNumber = std::uint32_t;

// tasks: queue u32, lane u8, id 16
std::string task(const TaskId& id);  // the id says its home queue and lane
std::string lane_prefix(QueueNumber queue, std::uint8_t lane);
std::string queue_prefix(QueueNumber queue);  // of tasks, ready, finished, keys, moved
TaskId task_id_of(std::string_view task_key);
TaskId trailing_id(std::string_view key);  // of every table whose keys end in an id

// status, running: id 16
std::string id(const TaskId& id);

// blobs: id 16, kind u8
enum class BlobKind : std::uint8_t { payload = 1, result = 2, progress = 3 };
std::string blob(const TaskId& id, BlobKind kind);

// failures: id 16, number u32
std::string failure(const TaskId& id, std::uint32_t number);

// ready: queue u32, 9 - priority u8 (higher first), ready_at i64, id 16
struct Ready {
  Timestamp ready_at;
  TaskId id;
};
std::string ready(QueueNumber queue, std::uint32_t priority, const Ready& entry);
std::string ready_prefix(QueueNumber queue, std::uint32_t priority);
Ready parse_ready(std::string_view key);

// timers: due i64, kind u8, id 16
enum class TimerKind : std::uint8_t {
  start = 1,   // a scheduled or retrying task becomes ready
  expire = 2,  // a task that never started dies
  forget = 3,  // a finished task that its idempotency key kept past its retention may go
};
struct Timer {
  Timestamp due;
  TimerKind kind = TimerKind::start;
  TaskId id;
  auto operator<=>(const Timer&) const = default;
};
std::string timer(const Timer& timer);
Timer parse_timer(std::string_view key);

// finished: queue u32, class u8, finished_at i64, id 16
enum class FinishedClass : std::uint8_t { done = 1, dead = 2 };  // done: succeeded or cancelled
struct Finished {
  Timestamp at;
  TaskId id;
  auto operator<=>(const Finished&) const = default;
};
std::string finished(QueueNumber queue, FinishedClass finished_class, const Finished& entry);
std::string finished_prefix(QueueNumber queue, FinishedClass finished_class);
Finished parse_finished(std::string_view key);

// keys: queue u32, idempotency key
std::string idempotency(QueueNumber queue, std::string_view key);

// correlation: correlation id, 0, id 16
std::string correlation(std::string_view correlation_id, const TaskId& id);
std::string correlation_prefix(std::string_view correlation_id);

// moved: queue u32, id 16
std::string moved(QueueNumber queue, const TaskId& id);

// queues, counters: queue u32
std::string queue(QueueNumber queue);
QueueNumber parse_queue(std::string_view key);

// queue_names: the name itself; its value is a queue key

// meta
inline constexpr std::string_view format_version = "format";
inline constexpr std::string_view last_commit = "commit";

}  // namespace quern::storage::keys
