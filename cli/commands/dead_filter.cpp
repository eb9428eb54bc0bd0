#include "commands/dead_filter.h"

#include "commands/options.h"
#include "usage_error.h"

namespace quern::cli {

void DeadFlags::add_to(CLI::App& app, const std::string& limit_description) {
  app.add_option("--type", filter_.type, "Only this type of task")->type_name("TYPE");
  add_choice(app, "--reason", reason_, {"max_attempts", "not_retryable", "expired"},
             "Only those dead for this reason");
  app.add_option("--error-type", filter_.error_type, "Only those with this last error's type")
      ->type_name("TYPE");
  add_time(app, "--before", filter_.before, "Only those that died before");
  app.add_option("--limit", filter_.limit, limit_description)
      ->check(more_than_zero())
      ->type_name("NUMBER");
}

void DeadFlags::add_all(CLI::App& app) {
  app.add_flag("--all", filter_.all, "All of the queue's dead tasks");
}

bool DeadFlags::selects() const {
  return !filter_.type.empty() || !reason_.empty() || !filter_.error_type.empty() || filter_.before;
}

bool DeadFlags::filtered() const { return selects() || filter_.limit; }

DeadFilter DeadFlags::finish(std::vector<std::string> ids, const std::string& command) {
  if (!ids.empty() && filter_.all) throw UsageError(command + ": ids and --all exclude each other");
  filter_.ids = std::move(ids);
  filter_.all = filter_.ids.empty() && (filter_.all || filtered());
  if (filter_.ids.empty() && !filter_.all) {
    throw UsageError(command + ": say which tasks: ids, a filter such as --error-type, or --all");
  }
  filter_.dead_reason = dead_reason_from(reason_);
  return filter_;
}

bool DeadFlags::matches(const Task& task) {
  return (filter_.type.empty() || task.type == filter_.type) &&
         (reason_.empty() || to_string(task.dead_reason) == reason_) &&
         (filter_.error_type.empty() ||
          (task.last_error && task.last_error->type == filter_.error_type)) &&
         (!filter_.before || (task.finished_at && *task.finished_at < *filter_.before));
}

}  // namespace quern::cli
