#include <CLI/App.hpp>
#include <iostream>
#include <memory>

#include "commands/commands.h"
#include "commands/options.h"
#include "commands/task_text.h"
#include "text.h"

namespace quern::cli {
namespace {

struct Wait {
  std::string id;
  std::optional<Duration> timeout;
};

ExitCode wait(Session& session, const Wait& options) {
  constexpr Duration slice{20'000};
  Task task;
  if (options.timeout) {
    task = session.client().wait(options.id, *options.timeout);
  } else {
    do {
      task = session.client().wait(options.id, slice);
    } while (!is_terminal(task.state));
  }
  if (session.json) {
    std::cout << one_line(to_json(task)) << '\n';
  } else {
    print_task(std::cout, task, session.look());
  }
  if (!is_terminal(task.state)) {
    std::cerr << "Not finished within " << exact_text(*options.timeout) << ".\n";
    return exit_not_in_time;
  }
  return task.state == TaskState::succeeded ? exit_ok : exit_refused;
}

}  // namespace

void add_wait(CLI::App& app, Session& session) {
  auto options = std::make_shared<Wait>();
  CLI::App* command = app.add_subcommand(
      "wait",
      "Wait until a task is finished, then show it; exits with 1 unless it succeeded, with 5 when "
      "the time is over");
  command->add_option("id", options->id, "The task's id")->required();
  add_duration(*command, "--timeout", options->timeout, "Give up after this time (default: never)");
  add_examples(*command, "  qctl wait \"$(qctl submit report)\" --timeout 10m && echo done\n");
  command->callback([&session, options] {
    session.action = [&session, options] { return wait(session, *options); };
  });
}

}  // namespace quern::cli
