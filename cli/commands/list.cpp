#include <CLI/App.hpp>
#include <iostream>
#include <memory>

#include "commands/commands.h"
#include "commands/pages.h"
#include "commands/task_text.h"

namespace quern::cli {
namespace {

struct List {
  TaskQuery query;
  std::string state;
  PageFlags page;
};

// A list of what is in no queue is empty, too: a mistyped name must not look like a drained queue.
void check_queue(Session& session, const std::string& name) {
  if (!name.empty()) session.ask([&](Client& client) { return client.queue(name); });
}

ExitCode list(Session& session, List& options) {
  if (options.query.queue.empty() && options.query.correlation_id.empty()) {
    throw UsageError("list needs --queue or --correlation-id");
  }
  options.query.state = task_state_from(options.state);
  return show_pages(
      session, options.page, "No tasks.",
      [&](const PageOptions& page) {
        options.query.page = page;
        auto answer = session.ask([&](Client& client) { return client.list(options.query); });
        if (answer.items.empty() && page.cursor.empty()) check_queue(session, options.query.queue);
        return answer;
      },
      tasks_table(!options.query.queue.empty()), add_task_row);
}

std::vector<std::string> state_names() {
  std::vector<std::string> names;
  for (const TaskState state : task_states) names.emplace_back(to_string(state));
  return names;
}

}  // namespace

void add_list(CLI::App& app, Session& session) {
  auto options = std::make_shared<List>();
  CLI::App* command = app.add_subcommand("list",
                                         "List tasks of a queue or a business operation, oldest "
                                         "first; needs --queue or --correlation-id");
  command->add_option("-q,--queue", options->query.queue, "Queue");
  command->add_option("--correlation-id", options->query.correlation_id,
                      "All tasks of one business operation, over all queues");
  add_choice(*command, "--state", options->state, state_names(), "Only tasks in this state");
  command->add_option("--type", options->query.type, "Only tasks of this type");
  options->page.add_to(*command);
  add_examples(*command,
               "  qctl list --queue emails --state retrying\n"
               "  qctl list --correlation-id order-4711 --json\n");
  command->callback([&session, options] {
    session.action = [&session, options] { return list(session, *options); };
  });
}

}  // namespace quern::cli
