#include "engine/tally.h"

#include <algorithm>

namespace quern::engine {

namespace {

std::uint64_t micros(Steady time) {
  return static_cast<std::uint64_t>(std::max(time, Steady{0}).count());
}

// A lease is over, in whichever way.
void count_end_of_attempt(QueueTally& tally, const Move& move) {
  switch (move.to) {
    case TaskState::running:
      ++tally.extended;
      return;
    case TaskState::succeeded:
      ++tally.completed;
      break;
    case TaskState::retrying:
      ++tally.failed;
      ++tally.retried;
      break;
    case TaskState::dead:
      ++tally.failed;
      break;
    case TaskState::cancelled:
      ++tally.revoked;
      return;
    case TaskState::blocked:
    case TaskState::scheduled:
    case TaskState::ready:
      ++tally.released;
      return;
  }
  tally.run.add(micros(move.took));
}

}  // namespace

void count(QueueTally& tally, const Move& move) {
  if (move.from == TaskState::running) {
    count_end_of_attempt(tally, move);
  } else if (move.to == TaskState::running) {
    ++tally.leased;
    tally.wait.add(micros(move.took));
  }
  // What is terminal already is kept for its key's sake: nothing happened to it.
  if (move.from == move.to) return;
  if (move.to == TaskState::dead) ++tally.dead[static_cast<std::size_t>(move.dead_reason)];
  if (move.to == TaskState::cancelled) ++tally.cancelled;
  if (move.from == TaskState::dead) ++tally.redriven;
}

}  // namespace quern::engine
