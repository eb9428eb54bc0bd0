// The model of jobs: purge, redrive, discard, and the removal of a queue.

#include <algorithm>

#include "model.h"
#include "quern/protocol/limits.h"
#include "quern/storage/keys.h"
#include "violation.h"

namespace quern::sim {

bool Model::matches(const Job& job, const Task& task) const {
  if (task.queue != job.queue) return false;
  switch (job.kind) {
    case JobKind::remove_queue:
      return true;
    case JobKind::purge:
      // Who was submitted later is not meant.
      return std::pair(task.id.unix_ms(), task.id.sequence()) <=
                 std::pair(job.newest.unix_ms(), job.newest.sequence()) &&
             std::find(job.states.begin(), job.states.end(), task.state) != job.states.end();
    case JobKind::redrive:
    case JobKind::discard:
      break;
  }
  const engine::DeadFilter& filter = job.filter;
  if (task.state != TaskState::dead) return false;
  if (filter.type && task.asked->type() != *filter.type) return false;
  if (filter.dead_reason && task.dead_reason != *filter.dead_reason) return false;
  const std::string last = task.failures.empty() ? std::string() : task.failures.back().type;
  if (filter.error_type && (task.failures.empty() || last != *filter.error_type)) return false;
  return !filter.before || task.finished_at < filter.before->ms;
}

// In the order in which they are to be taken.
std::vector<TaskId> Model::dead_chosen(const Job& job) const {
  std::vector<TaskId> ids;
  if (job.filter.ids && !job.filter.limit) {
    for (const TaskId& id : *job.filter.ids) {
      const Task* task = state_.find(id);
      const bool known = std::find(ids.begin(), ids.end(), id) != ids.end();
      if (task != nullptr && !known && matches(job, *task)) ids.push_back(id);
    }
    return ids;
  }
  std::vector<std::pair<std::int64_t, TaskId>> by_death;
  for (const auto& [id, task] : state_.tasks) {
    const bool named = !job.filter.ids || std::find(job.filter.ids->begin(), job.filter.ids->end(),
                                                    id) != job.filter.ids->end();
    if (named && matches(job, *task)) by_death.emplace_back(task->finished_at, id);
  }
  std::sort(by_death.begin(), by_death.end());
  for (const auto& [at, id] : by_death) {
    // A name is looked at once: who dies while the others are may be overlooked.
    const bool overlooked = rules_.bounded && job.filter.ids && at >= job.started_at &&
                            !differs_after(*state_.find(id));
    if (!overlooked) ids.push_back(id);
  }
  if (job.filter.limit && ids.size() > *job.filter.limit) ids.resize(*job.filter.limit);
  return ids;
}

// One job a tick, in turn. Where each may take several, what is missing or redriven is theirs.
void Model::step_jobs() {
  if (!rules_.bounded) {
    if (jobs_.empty()) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    step_job(job);
    return;
  }
  for (Job& job : jobs_) job.contested |= jobs_.size() > 1;
  for (std::size_t i = 0; i < jobs_.size();) {
    Job job = std::move(jobs_[i]);
    jobs_.erase(jobs_.begin() + static_cast<std::ptrdiff_t>(i));
    if (step_job(job)) continue;
    jobs_.insert(jobs_.begin() + static_cast<std::ptrdiff_t>(i), std::move(job));
    ++i;
  }
}

// True: it is over.
bool Model::step_job(Job& job) {
  const bool queue_there = state_.queues.contains(job.queue);
  std::vector<TaskId> ids;
  if (job.kind == JobKind::purge || job.kind == JobKind::remove_queue) {
    for (const auto& [id, task] : state_.tasks) {
      if (matches(job, *task)) ids.push_back(id);
    }
  } else if (queue_there) {
    ids = dead_chosen(job);
  }
  for (const TaskId& id : ids) {
    const Task& task = *state_.find(id);
    // In a tick a task may become ready first and then be purged.
    if (rules_.bounded && !differs_after(task)) continue;
    if (job.kind == JobKind::redrive) {
      const std::optional<engine::TaskView>& view = after_->task(id);
      if (rules_.bounded && !view) continue;
      const QueueNumber to = job.to_queue ? ensure_queue(*job.to_queue).number : job.queue;
      std::int64_t at = now_.wall.ms;
      if (job.rate) {
        const double wait = static_cast<double>(job.done) * 1000.0 / *job.rate;
        const auto most = static_cast<double>(limits::ten_years.count());
        at = job.started_at + static_cast<std::int64_t>(std::min(wait, most));
        if (job.contested) {
          // It may be of the other job, under another number.
          at = view->state() == TaskState::scheduled ? view->status.run_at() : now_.wall.ms;
        }
      }
      edges_.saw(From::dead, Event::redriven_many);
      redrive(change(id), to, at);
    } else {
      if (rules_.bounded && after_->task(id)) continue;
      const Event event = job.kind == JobKind::purge     ? Event::purged
                          : job.kind == JobKind::discard ? Event::discarded
                                                         : Event::deleted;
      remove(id, event);
    }
    job.chosen.erase(id);
    ++job.done;
  }
  if (rules_.bounded) {
    std::string record;
    const bool over =
        job.kind == JobKind::remove_queue
            ? !*after_->store().get(storage::Table::queues, storage::keys::queue(job.queue), record)
            : answer(job.ticket) != nullptr;
    if (!over) return false;
  }
  settle_job(job);
  return true;
}

void Model::settle_job(Job& job) {
  for (const TaskId& id : job.chosen) {
    violate("task " + id.text() + " is left over by a purge");
  }
  if (job.kind == JobKind::remove_queue) {
    for (const auto& [id, task] : state_.tasks) {
      if (task->queue == job.queue) violate("task " + id.text() + " outlives its queue");
    }
    state_.queues.erase(job.queue);
    std::erase_if(state_.keys, [&](const auto& key) { return key.first.first == job.queue; });
    if (job.ticket != 0) expect<engine::Done>(job.ticket, "the removal of a queue");
    return;
  }
  const std::uint64_t count = expect<engine::Counted>(job.ticket, "a job").count;
  if (job.contested) return;
  if (count != job.done) {
    violate("a job says that it took " + std::to_string(count) + " tasks, and took " +
            std::to_string(job.done));
  }
}

}  // namespace quern::sim
