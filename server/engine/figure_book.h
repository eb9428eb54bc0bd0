// The engine's side of its figures (figures.h): where each queue's transitions are counted, which
// queues changed since the last commit, and what is published of them after it.
//
// Shape    the first queues get rows of the board, by age; a row that a deleted queue leaves goes
// to
//          the next new one. Without a board everything is counted and nothing is told.
// Threads  none: the engine's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "engine/figures.h"

namespace quern::engine {

class Queue;

class FigureBook {
 public:
  // Where a queue is counted.
  struct Row {
    QueueFigures figures;
    FiguresBoard::Row* shown = nullptr;  // null: nowhere
    std::string queue;                   // "": the row is free
    bool claimed = false;                // by a queue of this engine
    bool due = false;                    // to be published
  };
  // What the book keeps with each queue.
  struct Account {
    Row* row = nullptr;
    std::array<std::uint64_t, task_state_count> counts{};  // as they are part of a shared row
    std::int64_t oldest_ready_at = QueueFigures::nothing_ready;
    std::int64_t oldest_shown = QueueFigures::nothing_ready;  // as it is part of a shared row
    bool changed = false;
    bool head_due = false;
  };

  explicit FigureBook(FiguresBoard* board);

  // A queue with a name is there. One whose name the board shows already counts on from there.
  void open(Queue& queue);
  // After the queues that a recovery found: rows of the board that belong to none of them are free.
  void release_unclaimed();
  // Its name is free from now on, and what is in it counts as removed.
  void close(Queue& queue);
  // It is no more.
  void forget(const Queue& queue);

  // Something about it may be different after the next commit.
  void note(Queue& queue);
  // Its oldest ready task was found.
  void note_found(Queue& queue);
  // The queues whose oldest ready task is to be looked up; in exchange for those that are left.
  std::vector<Queue*> take_heads_due();
  void head_still_due(Queue& queue);
  bool any_head_due() const { return !heads_due_.empty(); }
  bool publishes() const { return board_ != nullptr; }

  // The last commit is durable.
  void publish(const EngineFigures& engine);

 private:
  Row& row_for(const std::string& name);
  void take(Row& row, const std::string& name);
  void release(Row& row);
  void leave_row(Queue& queue, Row& row);
  bool is_shared(const Row& row) const { return &row == &rows_.back(); }
  void add_to_shared(Queue& queue);

  FiguresBoard* board_;
  std::vector<Row> rows_;  // as on the board; the last one is shared by all other queues
  Row nobody_;             // of queues that are being deleted
  std::multiset<std::int64_t> others_oldest_;
  std::vector<Queue*> changed_;
  std::vector<Queue*> heads_due_;
};

}  // namespace quern::engine
