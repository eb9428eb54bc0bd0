// Which task submitted which: the tasks of one business operation as a tree.
#pragma once

#include <map>
#include <vector>

#include "quern/task.h"

namespace quern::cli {

class TraceTree {
 public:
  // Of `tasks`, oldest first, which outlive the tree.
  explicit TraceTree(const std::vector<Task>& tasks);

  // Oldest first; of nullptr the tasks that no other task of the operation submitted.
  const std::vector<const Task*>& children(const Task* task) const;
  const Task* parent(const Task* task) const;

 private:
  std::map<const Task*, std::vector<const Task*>> children_;
  std::map<const Task*, const Task*> parent_;
};

}  // namespace quern::cli
