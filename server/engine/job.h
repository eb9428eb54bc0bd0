// Work too large for one go: a purge, a redrive, a discard, the removal of a queue, a long list. A
// tick does a bounded part of it, so that others are served in between. What a crash interrupts is
// done in part, task by task whole; saying the same again goes on with the rest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace quern::engine {

class Core;
class Queue;

class Job {
 public:
  virtual ~Job() = default;
  // Looks at up to `tasks_max` tasks. True when it is finished and has replied.
  virtual bool step(Core& core, std::size_t tasks_max) = 0;
};

// Removes all that is in `queue`, whose name is released already, then the queue. Ticket 0 after a
// restart.
std::unique_ptr<Job> make_delete_job(std::uint64_t ticket, const Queue& queue);

}  // namespace quern::engine
