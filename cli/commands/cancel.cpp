#include <CLI/App.hpp>
#include <iostream>
#include <memory>

#include "commands/commands.h"
#include "commands/each_id.h"
#include "commands/options.h"

namespace quern::cli {

void add_cancel(CLI::App& app, Session& session) {
  auto ids = std::make_shared<std::vector<std::string>>();
  CLI::App* command =
      app.add_subcommand("cancel", "Cancel tasks; a running one's worker is told to stop");
  command->add_option("ids", *ids, "Ids of the tasks")->required();
  add_examples(*command, "  qctl cancel 019a9f3c-7d11-7000-8000-2a6f5e0b1c22\n");
  command->callback([&session, ids] {
    session.action = [&session, ids] {
      return for_each_id(session, *ids, [&](const std::string& id) {
        const Task task = session.ask([&](Client& client) { return client.cancel(id); });
        std::cout << (session.json ? one_line(to_json(task)) : "Cancelled " + task.id) << '\n';
      });
    };
  });
}

}  // namespace quern::cli
