// Redriving and discarding the dead of a queue, by filter.

#include <algorithm>

#include "engine/commands.h"
#include "engine/transitions.h"

namespace quern::engine {

namespace keys = storage::keys;
using storage::Table;

namespace {

// Goes over the dead of a queue, those that died first first, and does something to each that the
// filter names.
class DeadJob : public Job {
 public:
  DeadJob(Ticket ticket, const Queue& queue, DeadFilter filter)
      : ticket_(ticket), queue_(queue.number()), filter_(std::move(filter)) {}

  bool step(Core& core, std::size_t tasks_max) final {
    if (core.has_queue(queue_) && !done()) {
      const bool all_seen = filter_.ids ? step_ids(core, tasks_max) : step_all(core, tasks_max);
      if (!all_seen && !done()) return false;
    }
    core.reply(ticket_, Counted{chosen_});
    return true;
  }

 protected:
  virtual void act(Core& core, Task& task, std::uint64_t index) = 0;

 private:
  bool done() const { return filter_.limit && chosen_ >= *filter_.limit; }

  bool matches(const Task& task) const {
    if (task.state() != TaskState::dead || task.status.queue() != queue_) return false;
    if (filter_.type && task.body->type() != *filter_.type) return false;
    if (filter_.dead_reason &&
        static_cast<DeadReason>(task.status.dead_reason()) != *filter_.dead_reason)
      return false;
    if (filter_.error_type && (task.status.failure_count() == 0 ||
                               task.status.last_error_type() != *filter_.error_type)) {
      return false;
    }
    return !filter_.before || task.status.finished_at() < filter_.before->ms;
  }

  void consider(Core& core, const TaskId& id) {
    std::optional<Task> task = core.find(id);
    if (task && matches(*task)) act(core, *task, chosen_++);
  }

  bool step_ids(Core& core, std::size_t tasks_max) {
    // With a limit, those that died first are chosen, in whatever order they were named.
    if (filter_.limit && !sorted_ && !sort_ids(core, tasks_max)) return false;
    const std::vector<TaskId>& ids = *filter_.ids;
    for (; tasks_max > 0 && next_id_ < ids.size() && !done(); --tasks_max)
      consider(core, ids[next_id_++]);
    return next_id_ == ids.size();
  }

  // True once all that were named are in order.
  bool sort_ids(Core& core, std::size_t& tasks_max) {
    std::vector<TaskId>& ids = *filter_.ids;
    for (; tasks_max > 0 && next_id_ < ids.size(); --tasks_max) {
      const std::optional<Task> task = core.find(ids[next_id_++]);
      if (task && matches(*task)) by_death_.emplace_back(task->status.finished_at(), task->id);
    }
    if (next_id_ < ids.size()) return false;
    std::sort(by_death_.begin(), by_death_.end());
    ids.clear();
    for (const auto& [at, id] : by_death_) ids.push_back(id);
    next_id_ = 0;
    sorted_ = true;
    return true;
  }

  static std::string last_dead(Core& core, storage::Range range) {
    range.direction = storage::Direction::backward;
    const std::vector<std::string> last = core.records.scan_keys(Table::finished, range, 1);
    return last.empty() ? std::string() : last.front();
  }

  bool step_all(Core& core, std::size_t tasks_max) {
    Queue& queue = core.queue_at(queue_);
    if (queue.count(TaskState::dead) == 0) return true;
    FinishedHead& head = queue.finished(FinishedClass::dead);
    const std::string prefix = keys::finished_prefix(queue_, FinishedClass::dead);
    if (next_.empty()) {
      next_ = head.from ? keys::finished(queue_, FinishedClass::dead, *head.from) : prefix;
      last_ = last_dead(core, {next_, storage::prefix_end(prefix)});
      cursor_ = head.from;
    }
    const std::string begin = next_;
    const std::vector<std::string> found =
        core.records.scan_keys(Table::finished, {begin, storage::prefix_end(prefix)}, tasks_max);
    for (const std::string& key : found) {
      const keys::Finished entry = keys::parse_finished(key);
      // Who dies after the call began is not meant: a task that dies again at once would be
      // redriven for ever.
      if (key > last_ || (filter_.before && entry.at >= *filter_.before) || done()) return true;
      const std::uint64_t chosen_before = chosen_;
      consider(core, entry.id);
      const bool removed = chosen_ != chosen_before;
      // As long as everybody is taken, nothing is left before this: later scans need not pass here.
      // Unless somebody else moved the cursor meanwhile: a task may have died before this place.
      if (!removed || head.from != cursor_) none_left_before_ = false;
      if (none_left_before_) cursor_ = head.from = entry;
      next_ = key_after(key);
    }
    return found.size() < tasks_max;
  }

  Ticket ticket_;
  QueueNumber queue_;
  DeadFilter filter_;
  std::uint64_t chosen_ = 0;
  std::size_t next_id_ = 0;
  bool sorted_ = false;
  std::vector<std::pair<std::int64_t, TaskId>> by_death_;
  std::string next_;
  std::string last_;
  std::optional<keys::Finished> cursor_;  // of the queue's dead, as this job left it
  bool none_left_before_ = true;
};

class RedriveJob final : public DeadJob {
 public:
  RedriveJob(Ticket ticket, const Queue& queue, RedriveDead&& command, Timestamp started_at)
      : DeadJob(ticket, queue, std::move(command.filter)),
        to_queue_(std::move(command.to_queue)),
        rate_per_second_(command.rate_per_second),
        started_at_(started_at) {}

 private:
  void act(Core& core, Task& task, std::uint64_t index) override {
    const Queue* to = nullptr;
    if (to_queue_) {
      // Made by its first task, as every queue is. Room was checked when the call came in.
      to = &core.ensure_queue(*to_queue_);
    }
    std::optional<Timestamp> at;
    if (rate_per_second_) {
      // No further than ten years: what lies behind that returns together.
      const double wait_ms = static_cast<double>(index) * 1000.0 / *rate_per_second_;
      const auto most_ms = static_cast<double>(limits::ten_years.count());
      at = started_at_ + Duration{static_cast<std::int64_t>(std::min(wait_ms, most_ms))};
    }
    redrive(core, task, to, at);
  }

  std::optional<std::string> to_queue_;
  std::optional<double> rate_per_second_;
  Timestamp started_at_;
};

class DiscardJob final : public DeadJob {
 public:
  using DeadJob::DeadJob;

 private:
  void act(Core& core, Task& task, std::uint64_t) override { core.remove(task, Removal::discard); }
};

}  // namespace

void redrive_dead(Core& core, Ticket ticket, RedriveDead&& command) {
  const Queue* queue = core.find_queue(command.name);
  if (queue == nullptr) return core.reply(ticket, no_such_queue(command.name));
  if (command.to_queue && core.find_queue(*command.to_queue) == nullptr) {
    if (Result<void> room = core.room_for_queues(1); !room)
      return core.reply(ticket, std::move(room).error());
  }
  core.jobs.push_back(
      std::make_unique<RedriveJob>(ticket, *queue, std::move(command), core.now.wall));
}

void discard_dead(Core& core, Ticket ticket, DiscardDead&& command) {
  const Queue* queue = core.find_queue(command.name);
  if (queue == nullptr) return core.reply(ticket, no_such_queue(command.name));
  core.jobs.push_back(std::make_unique<DiscardJob>(ticket, *queue, std::move(command.filter)));
}

}  // namespace quern::engine
