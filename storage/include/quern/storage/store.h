// Durable key-value state: a few tables, each ordered by key bytes, changed by atomic batches.
//
// Shape    keys and values are opaque bytes here; keys.h alone builds and parses keys,
// records.proto
//          the values, and FORMAT.md draws every layout.
// Threads  reads: any thread. commit(): one thread at a time (the engine's).
// Errors   store_unavailable: a read may be retried; after a failed commit() the outcome
//          is unknown and the store refuses every further commit until it is opened again.
//          store_corrupt: stored bytes failed a check; stop.
// Source   batch and snapshot semantics follow LevelDB's public contract.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "quern/protocol/result.h"

namespace quern::storage {

// Values reach disk (the first byte of every key): never renumber. FORMAT.md says what each holds.
enum class Table : std::uint8_t {
  meta = 1,          // format version, last commit
  queues = 2,        // queue number -> QueueRecord
  counters = 3,      // queue number -> QueueCounters
  tasks = 4,         // queue, lane, id -> TaskBody: what the client submitted; never changes
  status = 5,        // id -> TaskStatus: what became of it; absent while it is as submitted
  running = 6,       // id -> TaskStatus while a worker holds it; outranks `status`
  blobs = 7,         // id, kind -> bytes too large for their record
  failures = 8,      // id, number -> FailureRecord
  ready = 9,         // queue, priority, ready_at, id -> "": ready ones not fresh in their lane
  timers = 10,       // due, kind, id -> "": what happens when
  finished = 11,     // queue, class, finished_at, id -> "": for retention and the dead-letter list
  keys = 12,         // queue, idempotency key -> id
  correlation = 13,  // correlation id, id -> ""
  moved = 14,        // queue, id -> "": tasks redriven into a queue that is not their home
  queue_names = 15,  // name -> queue number
};

// Writes that take effect together or not at all, in order: the last write to a key wins.
struct Batch {
  struct Write {
    Table table;
    std::string key;
    std::optional<std::string> value;  // nullopt deletes the key
  };
  std::vector<Write> writes;
};

enum class Direction : std::uint8_t { forward, backward };

// Keys from `begin` (included) to `end` (excluded; empty: to the table's end), in `direction`.
struct Range {
  std::string begin;
  std::string end;
  Direction direction = Direction::forward;
};

// The smallest key greater than every key that starts with `prefix`; empty when there is none.
std::string prefix_end(std::string_view prefix);
Range prefix_range(std::string_view prefix, Direction direction = Direction::forward);

class Reader {
 public:
  // Return false to end the scan. The views die when the call returns.
  using Visitor = std::function<bool(std::string_view key, std::string_view value)>;

  virtual ~Reader() = default;

  // True and a copy of the value under `key` in `value`; false when there is none.
  virtual Result<bool> get(Table table, std::string_view key, std::string& value) const = 0;

  // Visits the entries of `range` as of one instant: a commit during the scan is not seen.
  virtual Result<void> scan(Table table, const Range& range, const Visitor& visit) const = 0;
};

// What a store takes up and how it keeps pace with what is written. A store in memory says 0.
struct StoreFigures {
  std::uint64_t table_bytes = 0;     // of the sorted files in use
  std::uint64_t log_bytes = 0;       // of the write-ahead logs
  std::uint64_t memtable_bytes = 0;  // what is in the log and not yet in a sorted file
  std::uint64_t block_cache_bytes = 0;
  std::uint64_t compaction_pending_bytes = 0;  // an estimate: what compaction has still to rewrite
  std::uint64_t compactions_running = 0;
  std::uint64_t flushes_running = 0;
  // Since it was opened:
  std::uint64_t background_errors = 0;
  std::uint64_t write_slowdowns = 0;  // how often compaction was so far behind that writes waited
  std::uint64_t write_stops = 0;      // … and that they stopped
  // Now:
  bool writes_slowed = false;
  bool writes_stopped = false;
};

class Store : public Reader {
 public:
  // What is there now, unchanged by later commits. Keep it short-lived: it holds back compaction.
  // It must not outlive the store.
  virtual std::unique_ptr<Reader> snapshot() const = 0;

  // Applies `batch` atomically. On return it survives a power cut (with Durability::os: a crash of
  // the process). Costs one fsync however many writes it holds, so callers gather work into few
  // large batches.
  virtual Result<void> commit(const Batch& batch) = 0;

  // Any thread. Not for the hot path: looks into files and takes locks.
  virtual StoreFigures figures() const { return {}; }
};

enum class Durability : std::uint8_t { fsync, os };

}  // namespace quern::storage
