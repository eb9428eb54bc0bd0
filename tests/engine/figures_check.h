// What must hold of the figures that an engine publishes: they agree with the store that they were
// published for, and with themselves.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "engine/figures.h"
#include "quern/storage/store.h"

namespace quern::engine::testing {

class FiguresCheck {
 public:
  // What is on the board now is where an engine begins: the rest is counted from here.
  void begin(const FiguresBoard& board);
  // What is wrong, one a line; "" when nothing is. `reader`: the state that was published last.
  std::string violations(const FiguresBoard& board, const storage::Reader& reader) const;

 private:
  // By name and owner, since a row may go to another queue.
  std::map<std::pair<std::string, std::uint64_t>, QueueFigures> before_;
};

// The sum over all states.
std::uint64_t task_count(const QueueFigures& figures);

}  // namespace quern::engine::testing
