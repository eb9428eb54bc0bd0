// What must hold of the figures that an engine publishes: they agree with the store that they were
// published for, and with themselves.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "engine/figures.h"
#include "quern/storage/store.h"

namespace quern::engine::testing {

// How many tasks each row began with: tallies count from there.
class FiguresCheck {
 public:
  // What is on the board now is where its engine begins.
  void begin(const FiguresBoard& board);
  // What is wrong, one a line; "" when nothing is. `reader`: the state that was published last.
  std::string violations(const FiguresBoard& board, const storage::Reader& reader) const;

 private:
  using Counts = std::array<std::uint64_t, task_state_count>;
  // By name and owner, since a row may go to another queue.
  std::map<std::pair<std::string, std::uint64_t>, Counts> before_;
};

// The sum over all states.
std::uint64_t task_count(const QueueFigures& figures);

}  // namespace quern::engine::testing
