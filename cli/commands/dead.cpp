// dead show, dead discard, and the family.
#include <CLI/App.hpp>
#include <algorithm>
#include <iostream>
#include <memory>

#include "advice.h"
#include "commands/commands.h"
#include "commands/dead_count.h"
#include "commands/options.h"
#include "commands/task_text.h"
#include "confirm.h"
#include "text.h"

namespace quern::cli {
namespace {

struct Discard {
  std::string queue;
  std::vector<std::string> ids;
  DeadFlags flags;
  bool yes = false;
};

ExitCode discard(Session& session, Discard& options) {
  DeadFilter filter = options.flags.finish(options.ids, "dead discard");
  if (!options.yes) {
    const DeadCount count = count_dead(session, options.queue, options.flags, filter);
    if (count.tasks == 0 && filter.ids.empty()) return nothing_to_do(session, "discarded");
    if (count.tasks == 0) return show_acted(session, "discarded", 0, filter, options.queue);
    if (!confirm("discards " + tasks_text(count.tasks) + " of the dead-letter queue of " +
                 printable(options.queue) + " for good")) {
      return exit_refused;
    }
    filter = of_the_counted(std::move(filter), count);
  }
  const std::uint64_t discarded =
      session.ask([&](Client& client) { return client.dead_discard(options.queue, filter); });
  return show_acted(session, "discarded", discarded, filter, options.queue);
}

void add_dead_discard_to(CLI::App& dead, Session& session) {
  auto options = std::make_shared<Discard>();
  CLI::App* command = dead.add_subcommand("discard", "Delete dead tasks for good");
  command->add_option("queue", options->queue, "The queue's name")->required();
  command->add_option("ids", options->ids, "Ids of dead tasks; or a filter, or --all");
  options->flags.add_all(*command);
  options->flags.add_to(*command, "At most so many, those that died first");
  add_yes(*command, options->yes);
  add_examples(*command,
               "  qctl dead discard emails --reason expired\n"
               "  qctl dead discard emails --before 2026-11-01T00:00:00Z --yes\n");
  command->callback([&session, options] {
    session.action = [&session, options] { return discard(session, *options); };
  });
}

// The error in full, line by line; a line must not be able to drive the terminal.
void print_lines(std::ostream& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out << "  " << printable(text.substr(0, end)) << '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

ExitCode show(Session& session, const std::string& id) {
  const Task task = session.ask([&](Client& client) { return client.get(id); });
  if (task.state != TaskState::dead) {
    print_failure(session.json, to_string(ErrorCode::not_dead),
                  "task " + task.id + " is not dead but " + std::string(to_string(task.state)) +
                      "; qctl get shows it");
    return exit_refused;
  }
  if (session.json) {
    std::cout << one_line(to_json(task)) << '\n';
    return exit_ok;
  }
  print_task(std::cout, task, session.look());
  if (task.last_error) {
    std::cout << "\nlast error: " << printable(task.last_error->type) << '\n';
    print_lines(std::cout, task.last_error->message);
    if (!task.last_error->details.empty()) print_lines(std::cout, task.last_error->details);
  }
  return exit_ok;
}

}  // namespace

void add_dead_discard(CLI::App& dead, Session& session) { add_dead_discard_to(dead, session); }

void add_dead_show(CLI::App& dead, Session& session) {
  auto id = std::make_shared<std::string>();
  CLI::App* command = dead.add_subcommand(
      "show", "Show a dead task: every attempt that failed, the last error in full");
  command->add_option("id", *id, "The task's id")->required();
  add_examples(*command, "  qctl dead show 019a9f3c-7d11-7000-8000-2a6f5e0b1c22\n");
  command->callback(
      [&session, id] { session.action = [&session, id] { return show(session, *id); }; });
}

void add_dead(CLI::App& app, Session& session) {
  CLI::App* dead = app.add_subcommand("dead", "Dead-letter queues: list, show, redrive, discard");
  dead->require_subcommand(1);
  add_examples(*dead,
               "  qctl dead list emails --error-type SmtpTimeout\n"
               "  qctl dead redrive emails --error-type SmtpTimeout --rate 50\n");
  add_dead_list(*dead, session);
  add_dead_show(*dead, session);
  add_redrive(*dead, session);
  add_dead_discard(*dead, session);
}

}  // namespace quern::cli
