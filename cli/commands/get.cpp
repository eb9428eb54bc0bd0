#include <CLI/App.hpp>
#include <iostream>
#include <memory>

#include "commands/commands.h"
#include "commands/options.h"
#include "commands/task_text.h"

namespace quern::cli {

void add_get(CLI::App& app, Session& session) {
  auto id = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("get", "Show a task, with payload, result and failures");
  command->add_option("id", *id, "The task's id")->required();
  add_examples(*command,
               "  qctl get 019a9f3c-7d11-7000-8000-2a6f5e0b1c22\n"
               "  qctl get 019a9f3c-7d11-7000-8000-2a6f5e0b1c22 --json | jq .result\n");
  command->callback([&session, id] {
    session.action = [&session, id] {
      const Task task = session.ask([&](Client& client) { return client.get(*id); });
      if (session.json) {
        std::cout << one_line(to_json(task)) << '\n';
      } else {
        print_task(std::cout, task, session.look());
      }
      return exit_ok;
    };
  });
}

}  // namespace quern::cli
