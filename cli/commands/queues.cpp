#include <CLI/App.hpp>
#include <iostream>
#include <memory>

#include "commands/commands.h"
#include "commands/pages.h"
#include "commands/queue_text.h"

namespace quern::cli {

void add_queues(CLI::App& app, Session& session) {
  auto page = std::make_shared<PageFlags>();
  CLI::App* command = app.add_subcommand("queues", "List the queues with their counts");
  page->add_to(*command);
  add_examples(*command,
               "  qctl queues\n"
               "  qctl queues --all --json | jq 'select(.counts.dead > 0) | .name'\n");
  command->callback([&session, page] {
    session.action = [&session, page] {
      return show_pages(
          session, *page, "No queues yet: the first task makes one.",
          [&](const PageOptions& options) {
            return session.ask([&](Client& client) { return client.queues(options); });
          },
          queues_table(), add_queue_row);
    };
  });
}

}  // namespace quern::cli
