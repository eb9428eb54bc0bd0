// The ready tasks of one priority of one queue, in the order in which they are to be leased.
//
// Shape    two streams, merged by (ready_at, id). Fresh: as submitted, in order of submission; they
// need no entry of their
//          own, since their bodies lie in that order already and a cursor says how far they were
//          taken. Returned: ready again after a delay, a retry, a release or a redrive; listed in
//          the ready table. Of both only the head is in memory.
// Threads  none: the engine's.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/head_window.h"
#include "quern/protocol/task_id.h"
#include "quern/storage/keys.h"

namespace quern::engine {

class Records;

struct ReadyEntry {
  Timestamp ready_at;
  TaskId id;
  auto operator<=>(const ReadyEntry&) const = default;
};

// Fresh tasks became ready when their ids were made.
inline Timestamp fresh_ready_at(const TaskId& id) {
  return Timestamp{static_cast<std::int64_t>(id.unix_ms())};
}

class Lane {
 public:
  struct Cursor {
    std::optional<TaskId> fresh_done;         // every fresh task up to this one has left the lane
    std::optional<ReadyEntry> returned_from;  // nothing in the ready table lies before this;
                                              // nullopt: nothing is there at all
  };

  // `from_disk`: there may be ready tasks in the store, behind `cursor`.
  Lane(std::uint32_t queue, std::uint32_t priority, std::size_t window_entries, bool from_disk,
       const Cursor& cursor);

  void add_fresh(const TaskId& id);
  void remove_fresh(const TaskId& id);
  void add_returned(const ReadyEntry& entry);
  void remove_returned(const ReadyEntry& entry);
  // Nothing is left, on disk either. Moves the cursors past it, so that nobody scans what a purge
  // left behind. No task is newer than `newest`.
  void clear(const TaskId& newest);

  struct Head {
    std::optional<ReadyEntry> entry;
    bool fresh = false;  // as submitted: it has no status record
    // Nothing found yet, but there is more to look at: a long row of tasks has left the lane out of
    // turn (cancelled, say). Asking again goes on from there.
    bool searching = false;
  };
  // The next to be leased. Reads the store when the window is used up: at most a few windows'
  // worth.
  Head head(const Records& records);

  const Cursor& cursor() const { return cursor_; }

 private:
  void refill_fresh(const Records& records);

  std::uint32_t queue_;
  std::uint32_t priority_;
  std::size_t window_entries_;
  std::size_t refill_entries_;  // grows to window_entries_ with use
  Cursor cursor_;

  std::vector<TaskId> fresh_;  // from fresh_at_ on: ascending
  std::size_t fresh_at_ = 0;
  bool fresh_more_on_disk_;           // tasks behind fresh_seen_ are not in fresh_
  std::optional<TaskId> fresh_seen_;  // the last id that was in the window or examined for it

  HeadWindow<ReadyEntry> returned_;
};

}  // namespace quern::engine
