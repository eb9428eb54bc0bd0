// One queue while the server runs: its settings, exact counts, and the heads of its lanes.
//
// Threads  none: the engine's.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "engine/figure_book.h"
#include "engine/floor.h"
#include "engine/lane.h"
#include "engine/runs.h"
#include "engine/task_view.h"
#include "quern/protocol/limits.h"
#include "quern/protocol/queue_settings.h"
#include "quern/protocol/task_state.h"
#include "quern/storage/keys.h"
#include "quern/storage/records.pb.h"

namespace quern::engine {

using storage::keys::FinishedClass;
using storage::keys::QueueNumber;

// Where a queue's finished tasks of one class begin, oldest first: for retention, and for scans
// that must not pass over what was removed.
struct FinishedHead {
  std::optional<storage::keys::Finished> from;  // nothing in the table lies before this
  // Retention has dealt with all up to this one; what it kept, for its idempotency key, has a
  // timer.
  std::optional<storage::keys::Finished> swept;
  bool kept_some = false;             // up to `swept`: so `from` stays where it is
  std::optional<Timestamp> sweep_at;  // when retention looks next; nullopt: nothing to look for

  // What was kept is to be looked at again.
  void sweep_again() {
    swept.reset();
    kept_some = false;
  }
};

class Queue {
 public:
  Queue(QueueNumber number, std::string name, const QueueSettings& settings, Timestamp created_at);
  // As stored. Lanes read the store when they are first asked.
  Queue(QueueNumber number, const record::QueueRecord& stored,
        const record::QueueCounters& counters, std::size_t window_entries);

  QueueNumber number() const { return number_; }
  const std::shared_ptr<const std::string>& name() const { return name_; }
  const QueueSettings& settings() const { return settings_; }
  void set_settings(const QueueSettings& settings) { settings_ = settings; }
  bool deleting() const { return deleting_; }
  void set_deleting() { deleting_ = true; }

  std::uint64_t count(TaskState state) const { return counts_[static_cast<std::size_t>(state)]; }
  std::uint64_t unfinished() const;
  void add(TaskState state) { ++counts_[static_cast<std::size_t>(state)]; }
  void subtract(TaskState state);

  Lane& lane(std::uint32_t priority, std::size_t window_entries);
  // The lanes are empty: what lay in them is behind them for good. No task is newer than `newest`.
  void none_ready(const TaskId& newest);
  struct Head {
    std::uint32_t priority = 0;
    ReadyEntry entry;
    bool fresh = false;  // Lane::Head
  };
  struct Next {
    std::optional<Head> head;
    bool searching = false;  // there may be one: ask again (Lane::Head)
  };
  // What is to be leased next, whatever the pause says.
  Next next(const Records& records);

  // Where scans of a run of its tasks (runs.h) begin.
  Floor& floor(std::size_t run) { return floors_[run]; }

  FinishedHead& finished(FinishedClass finished_class) {
    return finished_[finished_class == FinishedClass::dead ? 1 : 0];
  }

  record::QueueRecord to_record() const;
  record::QueueCounters to_counters() const;
  // Since when the task has been ready that has been so for longest.
  struct Oldest {
    std::optional<Timestamp> ready_at;  // nullopt: nothing is ready
    bool searching = false;             // not found yet: ask again (Lane::Head)
  };
  Oldest oldest_ready(const Records& records);
  // nullopt: the search for its oldest ready task is not over; ask again.
  std::optional<QueueView> view(const Records& records, Timestamp now);

  QueueTally& tally() { return account.row->figures.tally; }

  bool dirty = false;           // counters to be staged with the next batch
  bool wake_due = false;        // became ready while somebody was parked on it
  bool looked_enough = false;   // Core::look_again_next_tick
  FigureBook::Account account;  // FigureBook::open

 private:
  QueueNumber number_;
  std::shared_ptr<const std::string> name_;
  QueueSettings settings_;
  Timestamp created_at_;
  bool deleting_ = false;
  std::array<std::uint64_t, task_state_count> counts_{};
  std::array<std::unique_ptr<Lane>, limits::priority_max + 1> lanes_;  // made when first needed
  std::array<FinishedHead, 2> finished_;
  std::array<Floor, run_count> floors_;
};

}  // namespace quern::engine
