#include <CLI/App.hpp>
#include <iostream>
#include <memory>

#include "commands/commands.h"
#include "commands/pages.h"
#include "commands/task_text.h"
#include "table.h"
#include "text.h"

namespace quern::cli {
namespace {

struct DeadList {
  std::string queue;
  PageFlags page;
};

void print_dead(const std::vector<Task>& tasks) {
  Table table({{"ID"}, {"TYPE"}, {"REASON"}, {"ATTEMPTS"}, {"DIED"}, {"LAST ERROR"}});
  for (const Task& task : tasks) {
    table.add({printable(task.id), shortened(task.type, 24),
               std::string(to_string(task.dead_reason)), attempts_text(task),
               task.finished_at ? relative_text(*task.finished_at, wall_clock_now()) : "-",
               task.last_error ? shortened(error_text(*task.last_error), 80) : ""});
  }
  table.print(std::cout);
}

}  // namespace

void add_dead_list(CLI::App& dead, Session& session) {
  auto options = std::make_shared<DeadList>();
  CLI::App* command = dead.add_subcommand(
      "list", "List a queue's dead-letter queue: the last to die first, with the reason");
  command->add_option("queue", options->queue, "The queue's name")->required();
  options->page.add_to(*command);
  add_examples(*command,
               "  qctl dead list emails\n"
               "  qctl dead list emails --all --json | jq -r .last_error.type | sort | uniq -c\n");
  command->callback([&session, options] {
    session.action = [&session, options] {
      return show_pages(
          session, options->page, "No dead tasks.",
          [&](const PageOptions& page) { return session.client().dead_list(options->queue, page); },
          print_dead);
    };
  });
}

}  // namespace quern::cli
