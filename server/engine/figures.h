// What the engine tells about itself while it works, for the metrics: published after each commit,
// read by any thread without a lock and without the engine.
//
// Shape    a row for each of the first `queues_max` queues, by name, and one for all others
//          together, so that what is shown stays bounded however many queues there are. Each row is
//          read whole: its numbers belong to one commit, and that commit is durable.
//          A board outlives engines: after a recovery the next one counts on.
// Threads  rows are written by the engine's thread; queues() and engine(): any.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/published.h"
#include "engine/tally.h"

namespace quern::engine {

// The name of the row for all queues that have none of their own.
inline constexpr std::string_view other_queues = "_other";

struct QueueFigures {
  // Instead of a time, in oldest_ready_at.
  static constexpr std::int64_t nothing_ready = -1;
  static constexpr std::int64_t not_known_yet = -2;  // still being looked for, after a start

  QueueTally tally;
  std::array<std::uint64_t, task_state_count> counts{};  // of tasks, by TaskState
  std::int64_t oldest_ready_at = nothing_ready;          // ms since the epoch
  std::uint64_t owner = 0;                               // which queue's: rows are used again
};

// Calls to settle a task that were refused.
enum class RefusedSettle : std::uint8_t { lease_lost, task_finished, task_not_found };
inline constexpr std::size_t refused_settle_count = 3;

struct EngineFigures {
  std::uint64_t queues = 0;
  std::uint64_t parked_leases = 0;  // calls that wait for a ready task
  std::uint64_t parked_reads = 0;   // calls that wait for a task's end
  std::uint64_t jobs = 0;           // purges, redrives and the like under way
  std::array<std::uint64_t, refused_settle_count> settles_refused{};
};

class FiguresBoard {
 public:
  struct Row {
    struct Name {
      std::uint64_t owner = 0;
      std::uint64_t size = 0;  // 0: the row is free
      std::array<char, 128> text{};
    };
    Published<Name> name;
    Published<QueueFigures> figures;
  };
  struct Entry {
    std::string queue;
    QueueFigures figures;
  };

  explicit FiguresBoard(std::size_t queues_max);

  // What is shown now: the queues with a row of their own, then `other_queues` if there are any.
  std::vector<Entry> queues() const;
  EngineFigures engine() const { return engine_.load(); }

  // The engine's.
  std::size_t queues_max() const { return queues_max_; }
  // The last one, of index queues_max(), is that of all others.
  Row& row(std::size_t index) { return rows_[index]; }
  void publish(const EngineFigures& figures) { engine_.store(figures); }

 private:
  const std::size_t queues_max_;
  const std::unique_ptr<Row[]> rows_;
  Published<EngineFigures> engine_;
};

}  // namespace quern::engine
