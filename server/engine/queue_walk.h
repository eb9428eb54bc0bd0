// Goes over all tasks of a queue, a bounded number at a time, while the queue goes on changing.
#pragma once

#include <functional>
#include <string>

#include "engine/core.h"

namespace quern::engine {

class QueueWalk {
 public:
  // Tasks submitted after this are not visited.
  QueueWalk(QueueNumber queue, const TaskId& newest);

  // Visits up to `tasks_max` more. True when that was all. Precondition: the queue exists.
  bool step(Core& core, std::size_t tasks_max, const std::function<void(Task&)>& visit);

 private:
  bool step_run(Core& core, std::size_t& left, const std::function<void(Task&)>& visit);
  bool is_newer(const TaskId& id) const;

  QueueNumber queue_;
  TaskId newest_;
  std::size_t run_ = 0;
  std::string next_;  // key where the walk of that run goes on; empty: at its floor
};

}  // namespace quern::engine
