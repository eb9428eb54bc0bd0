#include <CLI/App.hpp>
#include <memory>

#include "commands/commands.h"
#include "commands/options.h"
#include "commands/waiting.h"

namespace quern::cli {
namespace {

struct Wait {
  std::string id;
  Waiting waiting{.timeout = std::nullopt, .patience = default_patience};
};

}  // namespace

void add_wait(CLI::App& app, Session& session) {
  auto options = std::make_shared<Wait>();
  CLI::App* command = app.add_subcommand(
      "wait",
      "Wait until a task is finished, then show it; exits with 1 unless it succeeded, with 5 when "
      "the time is over");
  command->add_option("id", options->id, "The task's id")->required();
  add_duration(*command, "--timeout", options->waiting.timeout,
               "Give up after this time (default: never)");
  add_patience(*command, options->waiting.patience);
  add_examples(*command, "  qctl wait \"$(qctl submit report)\" --timeout 10m && echo done\n");
  command->callback([&session, options] {
    session.action = [&session, options] {
      const Task task = Waiter(session, options->waiting).wait_for(options->id);
      return show_waited(session, task, options->waiting);
    };
  });
}

}  // namespace quern::cli
