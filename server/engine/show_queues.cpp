// What is said about queues: one of them, or a page.
//
// Counts are at hand, but for the age of the oldest ready task a lane may have to be searched:
// after a restart, or behind a long row of tasks that were cancelled. So an answer is a job.

#include <utility>

#include "engine/commands.h"

namespace quern::engine {

namespace {

// A queue has up to ten lanes, of each of which the head may have to be read.
constexpr std::size_t queues_per_step_max = 64;

class ShowOne final : public Job {
 public:
  ShowOne(Ticket ticket, std::string name) : ticket_(ticket), name_(std::move(name)) {}

  bool step(Core& core, std::size_t) override {
    Queue* queue = core.find_queue(name_);
    if (queue == nullptr) {
      core.reply(ticket_, no_such_queue(name_));
      return true;
    }
    std::optional<QueueView> view = core.view(*queue);
    if (!view) return false;
    core.reply(ticket_, OneQueue{std::move(*view)});
    return true;
  }

 private:
  Ticket ticket_;
  std::string name_;
};

class ShowPage final : public Job {
 public:
  ShowPage(Ticket ticket, ListQueues list) : ticket_(ticket), list_(std::move(list)) {}

  bool step(Core& core, std::size_t) override {
    const auto& names = core.queues_by_name();
    std::size_t looked_at = 0;
    for (auto at = names.upper_bound(list_.after); at != names.end(); ++at) {
      if (looked_at++ == queues_per_step_max) return false;
      if (covers(list_.scope, at->first)) {
        page_.more = page_.queues.size() == list_.limit;
        if (page_.more) break;
        std::optional<QueueView> view = core.view(*at->second);
        if (!view) return false;
        page_.queues.push_back(std::move(*view));
      }
      list_.after = at->first;
    }
    core.reply(ticket_, std::move(page_));
    return true;
  }

 private:
  Ticket ticket_;
  ListQueues list_;
  QueuePage page_;
};

// Most are through with their first step.
void begin(Core& core, std::unique_ptr<Job> job) {
  if (!job->step(core, core.options.job_tasks_max)) core.jobs.push_back(std::move(job));
}

}  // namespace

void show_queue(Core& core, Ticket ticket, const std::string& name) {
  begin(core, std::make_unique<ShowOne>(ticket, name));
}

void get_queue(Core& core, Ticket ticket, const GetQueue& command) {
  show_queue(core, ticket, command.name);
}

void list_queues(Core& core, Ticket ticket, const ListQueues& command) {
  begin(core, std::make_unique<ShowPage>(ticket, command));
}

}  // namespace quern::engine
