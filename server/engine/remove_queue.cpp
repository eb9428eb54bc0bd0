// Purging the tasks of a queue by state, and deleting a queue with what is in it.

#include <algorithm>

#include "engine/commands.h"
#include "engine/queue_walk.h"

namespace quern::engine {

namespace {

class PurgeJob final : public Job {
 public:
  PurgeJob(Ticket ticket, QueueNumber queue, std::vector<TaskState> states, const TaskId& newest)
      : ticket_(ticket), queue_(queue), states_(std::move(states)), walk_(queue, newest) {}

  bool step(Core& core, std::size_t tasks_max) override {
    if (core.has_queue(queue_)) {
      Queue& queue = core.queue_at(queue_);
      const bool any = std::any_of(states_.begin(), states_.end(),
                                   [&](TaskState state) { return queue.count(state) > 0; });
      const bool all_seen = !any || walk_.step(core, tasks_max, [&](Task& task) {
        if (std::find(states_.begin(), states_.end(), task.state()) == states_.end()) return;
        core.remove(task, Removal::purge);
        ++purged_;
      });
      if (!all_seen) return false;
    }
    core.reply(ticket_, Counted{purged_});
    return true;
  }

 private:
  Ticket ticket_;
  QueueNumber queue_;
  std::vector<TaskState> states_;
  QueueWalk walk_;
  std::uint64_t purged_ = 0;
};

class DeleteJob final : public Job {
 public:
  DeleteJob(Ticket ticket, QueueNumber queue)
      : ticket_(ticket), queue_(queue), walk_(queue, newest_possible()) {}

  bool step(Core& core, std::size_t tasks_max) override {
    if (!walk_.step(core, tasks_max,
                    [&](Task& task) { core.remove(task, Removal::queue_deleted); }))
      return false;
    core.remove_queue(queue_);
    core.reply(ticket_, Done{});
    return true;
  }

 private:
  static TaskId newest_possible() {
    return TaskId::from({.unix_ms = (std::uint64_t{1} << 48) - 1});
  }

  Ticket ticket_;
  QueueNumber queue_;
  QueueWalk walk_;
};

}  // namespace

std::unique_ptr<Job> make_delete_job(std::uint64_t ticket, const Queue& queue) {
  return std::make_unique<DeleteJob>(ticket, queue.number());
}

void purge_queue(Core& core, Ticket ticket, PurgeQueue&& command) {
  Queue* queue = core.find_queue(command.name);
  if (queue == nullptr) return core.reply(ticket, no_such_queue(command.name));
  core.jobs.push_back(std::make_unique<PurgeJob>(ticket, queue->number(), std::move(command.states),
                                                 core.newest_id()));
}

void delete_queue(Core& core, Ticket ticket, const DeleteQueue& command) {
  Queue* queue = core.find_queue(command.name);
  if (queue == nullptr) return core.reply(ticket, no_such_queue(command.name));
  const std::uint64_t dead = queue->count(TaskState::dead);
  if (!command.force && queue->unfinished() + dead > 0) {
    return core.reply(
        ticket,
        Error{.code = ErrorCode::queue_not_empty,
              .detail =
                  "queue " + command.name + " holds " + std::to_string(queue->unfinished()) +
                  " unfinished and " + std::to_string(dead) +
                  " dead tasks; purge or redrive them first, or discard them with ?force=true"});
  }
  core.release_name(*queue);
  core.jobs.push_back(make_delete_job(ticket, *queue));
}

}  // namespace quern::engine
