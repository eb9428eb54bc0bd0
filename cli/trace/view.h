// A tree of tasks over time, for eyes.
#pragma once

#include <string>
#include <vector>

#include "look.h"
#include "trace/tree.h"

namespace quern::cli {

struct TraceViewOptions {
  std::string correlation_id;
  Timestamp now;
  // Also those that are like many of their siblings, and what does not fit the terminal.
  bool everything = false;
};

// One line for each task and each failed attempt, the oldest first, children below the task that
// submitted them, each with its distance from the first. With a width, unless `everything`: of many
// siblings that are alike the first few are shown and the rest is counted, and lines are cut.
std::vector<std::string> draw_trace(const std::vector<Task>& tasks, const TraceTree& tree,
                                    const TraceViewOptions& options, const Look& look);

}  // namespace quern::cli
