// What Core counts and tells the metrics.

#include "engine/core.h"

namespace quern::engine {

// Called before anything changes: the end of an attempt is told by when it began.
void Core::count_move(const Task& task, const record::TaskStatus& next, Queue& from) {
  Move move{.from = task.state(),
            .to = state_of(next),
            .dead_reason = static_cast<DeadReason>(next.dead_reason())};
  if (move.from == TaskState::running) {
    move.took = now.steady - leases.find(task.id)->attempt_started;
  } else if (move.to == TaskState::running) {
    move.took = now.wall - Timestamp{task.status.ready_at()};
  }
  QueueTally& tally = from.tally();
  engine::count(tally, move);
  if (next.queue() == from.number()) return;
  ++tally.moved_out;
  ++queue_at(next.queue()).tally().moved_in;
}

void Core::count_refused_settle(ErrorCode code) {
  const RefusedSettle reason = code == ErrorCode::lease_lost      ? RefusedSettle::lease_lost
                               : code == ErrorCode::task_finished ? RefusedSettle::task_finished
                                                                  : RefusedSettle::task_not_found;
  ++settles_refused_[static_cast<std::size_t>(reason)];
}

void Core::find_oldest_ready(std::size_t queues_max) {
  for (Queue* queue : book.take_heads_due()) {
    FigureBook::Account& account = queue->account;
    // Somebody has looked as far as one tick goes, or others were first: in the next one.
    if (queue->looked_enough || queues_max == 0) {
      book.head_still_due(*queue);
      continue;
    }
    --queues_max;
    const Queue::Oldest oldest = queue->oldest_ready(records);
    if (oldest.searching) {
      look_again_next_tick(*queue);
      book.head_still_due(*queue);
      continue;
    }
    account.oldest_ready_at = oldest.ready_at ? oldest.ready_at->ms : QueueFigures::nothing_ready;
    book.note_found(*queue);
  }
}

void Core::publish_figures() {
  book.publish({.queues = by_name_.size(),
                .parked_leases = waiters.lease_count(),
                .parked_reads = waiters.read_count(),
                .jobs = jobs.size(),
                .settles_refused = settles_refused_});
}

}  // namespace quern::engine
