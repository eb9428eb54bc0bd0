#include <CLI/App.hpp>
#include <iostream>
#include <memory>

#include "commands/commands.h"
#include "commands/dead_count.h"
#include "commands/each_id.h"
#include "commands/options.h"
#include "confirm.h"
#include "quern/protocol/task_id.h"
#include "text.h"

namespace quern::cli {
namespace {

struct Redrive {
  std::vector<std::string> targets;
  DeadFlags filter;
  RedriveOptions options;
  bool yes = false;
};

ExitCode redrive_tasks(Session& session, const std::vector<std::string>& ids) {
  return for_each_id(session, ids, [&](const std::string& id) {
    const Task task = session.ask([&](Client& client) { return client.redrive(id); });
    std::cout << (session.json ? one_line(to_json(task)) : "Redriven " + task.id) << '\n';
  });
}

std::string redrive_text(const Redrive& redrive, std::uint64_t count) {
  std::string text = "runs " + tasks_text(count) + " of the dead-letter queue of " +
                     printable(redrive.targets.front()) + " again";
  if (!redrive.options.to_queue.empty()) {
    text += ", in queue " + printable(redrive.options.to_queue);
  }
  return text + ", with all attempts before them";
}

// No task is lost by it, so scripts need not say --yes; but a person who named more than was meant
// can't take it back.
ExitCode redrive_queue(Session& session, Redrive& redrive) {
  const std::string& queue = redrive.targets.front();
  DeadFilter filter =
      redrive.filter.finish({redrive.targets.begin() + 1, redrive.targets.end()}, "redrive");
  if (filter.all && !redrive.yes && can_ask()) {
    const DeadCount count = count_dead(session, queue, redrive.filter, filter);
    if (count.tasks == 0) return nothing_to_do(session, "redriven");
    if (!confirm(redrive_text(redrive, count.tasks))) return exit_refused;
    filter = of_the_counted(std::move(filter), count);
  }
  const std::uint64_t count = session.ask(
      [&](Client& client) { return client.dead_redrive(queue, filter, redrive.options); });
  return show_acted(session, "redriven", count, filter, queue);
}

ExitCode redrive(Session& session, Redrive& options) {
  if (TaskId::parse(options.targets.front())) {
    if (options.filter.all() || options.filter.filtered()) {
      throw UsageError("redrive: filters go with a queue's name, not with ids");
    }
    if (!options.options.to_queue.empty() || options.options.rate_per_second) {
      throw UsageError(
          "redrive: --to-queue and --rate go with a queue's name: qctl redrive QUEUE ID...");
    }
    return redrive_tasks(session, options.targets);
  }
  return redrive_queue(session, options);
}

}  // namespace

void add_redrive(CLI::App& app, Session& session) {
  auto options = std::make_shared<Redrive>();
  CLI::App* command =
      app.add_subcommand("redrive", "Give dead tasks another life: back to ready, attempts 0");
  command
      ->add_option("targets", options->targets,
                   "Ids of dead tasks; or a queue, with ids, a filter or --all")
      ->required();
  options->filter.add_all(*command);
  options->filter.add_to(*command, "At most so many, those that died first");
  command->add_option("--to-queue", options->options.to_queue, "Into this queue instead")
      ->type_name("QUEUE");
  add_finite(*command, "--rate", options->options.rate_per_second,
             "So many a second instead of all at once")
      ->check(more_than_zero());
  add_yes(*command, options->yes);
  add_examples(*command,
               "  qctl redrive 019a9f3c-7d11-7000-8000-2a6f5e0b1c22\n"
               "  qctl redrive emails --error-type SmtpTimeout --rate 50\n"
               "  qctl dead redrive emails --all\n");
  command->callback([&session, options] {
    session.action = [&session, options] { return redrive(session, *options); };
  });
}

}  // namespace quern::cli
