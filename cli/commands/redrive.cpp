#include <CLI/App.hpp>
#include <iostream>
#include <memory>

#include "commands/commands.h"
#include "commands/options.h"
#include "quern/protocol/task_id.h"

namespace quern::cli {
namespace {

struct Redrive {
  std::vector<std::string> targets;
  DeadFilter filter;
  std::string reason;
  RedriveOptions options;

  bool filtered() const {
    return !filter.type.empty() || !reason.empty() || !filter.error_type.empty() || filter.before ||
           filter.limit;
  }
};

ExitCode redrive_tasks(Session& session, const std::vector<std::string>& ids) {
  for (const std::string& id : ids) {
    const Task task = session.client().redrive(id);
    std::cout << (session.json ? to_json(task) : "Redriven " + task.id) << '\n';
  }
  return exit_ok;
}

ExitCode redrive_queue(Session& session, Redrive& redrive) {
  DeadFilter& filter = redrive.filter;
  filter.ids.assign(redrive.targets.begin() + 1, redrive.targets.end());
  filter.all = filter.ids.empty() && (filter.all || redrive.filtered());
  if (filter.ids.empty() && !filter.all) {
    throw UsageError("redrive: say which tasks: ids, a filter such as --error-type, or --all");
  }
  filter.dead_reason = dead_reason_from(redrive.reason);
  const std::uint64_t count =
      session.client().dead_redrive(redrive.targets.front(), filter, redrive.options);
  if (session.json) {
    std::cout << "{\"redriven\":" << count << "}\n";
  } else {
    std::cout << "Redriven " << count << (count == 1 ? " task" : " tasks") << '\n';
  }
  return exit_ok;
}

ExitCode redrive(Session& session, Redrive& options) {
  if (TaskId::parse(options.targets.front())) {
    if (options.filter.all || options.filtered()) {
      throw UsageError("redrive: filters go with a queue's name, not with ids");
    }
    return redrive_tasks(session, options.targets);
  }
  return redrive_queue(session, options);
}

}  // namespace

void add_redrive(CLI::App& app, Session& session) {
  auto options = std::make_shared<Redrive>();
  DeadFilter& filter = options->filter;
  CLI::App* command =
      app.add_subcommand("redrive", "Give dead tasks another life: back to ready, attempts 0");
  command
      ->add_option("targets", options->targets,
                   "Ids of dead tasks; or a queue, with ids, a filter or --all")
      ->required();
  command->add_flag("--all", filter.all, "All of the queue's dead tasks");
  command->add_option("--type", filter.type, "Only this type of task");
  command->add_option("--reason", options->reason, "Only those dead for this reason")
      ->check(CLI::IsMember({"max_attempts", "not_retryable", "expired"}));
  command->add_option("--error-type", filter.error_type, "Only those with this last error's type");
  add_time(*command, "--before", filter.before, "Only those that died before");
  command->add_option("--limit", filter.limit, "At most so many, those that died first");
  command->add_option("--to-queue", options->options.to_queue, "Into this queue instead");
  command->add_option("--rate", options->options.rate_per_second,
                      "So many a second instead of all at once");
  add_examples(*command,
               "  qctl redrive 019a9f3c-7d11-7000-8000-2a6f5e0b1c22\n"
               "  qctl redrive emails --error-type SmtpTimeout --rate 50\n"
               "  qctl dead redrive emails --all\n");
  command->callback([&session, options] {
    session.action = [&session, options] { return redrive(session, *options); };
  });
}

}  // namespace quern::cli
