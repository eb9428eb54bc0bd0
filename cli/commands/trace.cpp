// The history of one business operation, as a tree over time.
#include <CLI/App.hpp>
#include <algorithm>
#include <iostream>
#include <memory>

#include "advice.h"
#include "commands/commands.h"
#include "commands/options.h"
#include "quern/protocol/task_id.h"
#include "text.h"
#include "trace/tree.h"
#include "trace/view.h"

namespace quern::cli {
namespace {

std::vector<Task> tasks_of(Session& session, const std::string& correlation_id) {
  std::vector<Task> tasks;
  TaskQuery query{.correlation_id = correlation_id, .page = {.limit = 1'000}};
  do {
    auto page = session.ask([&](Client& client) { return client.list(query); });
    for (Task& task : page.items) tasks.push_back(std::move(task));
    query.page.cursor = page.next_cursor;
  } while (!query.page.cursor.empty());
  std::stable_sort(tasks.begin(), tasks.end(), [](const Task& one, const Task& other) {
    return one.created_at < other.created_at;
  });
  return tasks;
}

ExitCode trace(Session& session, std::string correlation_id, bool everything) {
  std::vector<Task> tasks = tasks_of(session, correlation_id);
  if (tasks.empty() && TaskId::parse(correlation_id)) {  // one task of the operation
    correlation_id =
        session.ask([&](Client& client) { return client.get(correlation_id); }).correlation_id;
    tasks = tasks_of(session, correlation_id);
  }
  if (tasks.empty()) {
    print_failure(session.json, to_string(ErrorCode::task_not_found),
                  "no task has the correlation id " + correlation_id);
    return exit_not_found;
  }
  const TraceTree tree(tasks);
  if (!session.json) {
    const TraceViewOptions options{
        .correlation_id = correlation_id, .now = wall_clock_now(), .everything = everything};
    for (const std::string& line : draw_trace(tasks, tree, options, session.look())) {
      std::cout << line << '\n';
    }
    return exit_ok;
  }
  for (const Task& task : tasks) {
    std::string json = one_line(to_json(task));
    if (const Task* parent = tree.parent(&task)) {
      json.insert(json.size() - 1, ",\"parent_id\":\"" + parent->id + "\"");
    }
    std::cout << json << '\n';
  }
  return exit_ok;
}

}  // namespace

void add_trace(CLI::App& app, Session& session) {
  auto id = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(
      "trace", "Show the history of one business operation, over all queues, as a tree over time");
  command->add_option("correlation-id", *id, "Correlation id, or the id of one of its tasks")
      ->required();
  auto all = std::make_shared<bool>(false);
  command->add_flag("--all", *all,
                    "Every task and whole lines; a terminal gets what fits, and of many tasks that "
                    "are alike the first 10 and their number");
  add_examples(*command,
               "  qctl trace order-4711\n"
               "  qctl trace order-4711 --json | jq -r 'select(.state == \"dead\") | .id'\n");
  command->callback([&session, id, all] {
    session.action = [&session, id, all] { return trace(session, *id, *all); };
  });
}

}  // namespace quern::cli
