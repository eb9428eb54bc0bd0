// What can't be undone about a queue: purge, delete.
#include <CLI/App.hpp>
#include <algorithm>
#include <iostream>
#include <memory>

#include "commands/commands.h"
#include "commands/options.h"
#include "confirm.h"
#include "text.h"

namespace quern::cli {
namespace {

struct Removal {
  std::string queue;
  std::vector<std::string> states;
  bool force = false;
  bool yes = false;
};

std::uint64_t count_in(const QueueCounts& counts, TaskState state) {
  switch (state) {
    case TaskState::blocked:
      return counts.blocked;
    case TaskState::scheduled:
      return counts.scheduled;
    case TaskState::ready:
      return counts.ready;
    case TaskState::running:
      return counts.running;
    case TaskState::retrying:
      return counts.retrying;
    case TaskState::dead:
      return counts.dead;
    case TaskState::succeeded:
      return counts.succeeded;
    case TaskState::cancelled:
      return counts.cancelled;
  }
  return 0;
}

std::vector<std::string> purgeable_states() {
  std::vector<std::string> names;
  for (const TaskState state : task_states) {
    if (state != TaskState::running) names.emplace_back(to_string(state));
  }
  return names;
}

ExitCode purge(Session& session, const Removal& options) {
  std::vector<TaskState> states;
  for (const std::string& name : options.states) {
    const TaskState state = *task_state_from(name);
    if (std::find(states.begin(), states.end(), state) == states.end()) states.push_back(state);
  }
  if (!options.yes) {
    const Queue queue = session.ask([&](Client& client) { return client.queue(options.queue); });
    std::uint64_t count = 0;
    std::string named;
    for (const TaskState state : states) {
      count += count_in(queue.counts, state);
      named += (named.empty() ? "" : ", ") + std::string(to_string(state));
    }
    if (count == 0) return nothing_to_do(session, "purged");
    // The HTTP API has no bound for a purge, as a time of death is one for a discard.
    if (!confirm("deletes " + tasks_text(count) + " (" + named + ") of queue " +
                 printable(queue.name) +
                 ", and what else is in that state when you answer, for good")) {
      return exit_refused;
    }
  }
  const std::uint64_t purged =
      session.ask([&](Client& client) { return client.queue_purge(options.queue, states); });
  print_count(session, "purged", purged);
  return exit_ok;
}

// "12 tasks (3 ready, 9 dead)"
std::string contents_text(const QueueCounts& counts) {
  std::uint64_t all = 0;
  std::string named;
  for (const TaskState state : task_states) {
    const std::uint64_t count = count_in(counts, state);
    if (count == 0) continue;
    all += count;
    named += (named.empty() ? " (" : ", ") + grouped(count) + " " + std::string(to_string(state));
  }
  return tasks_text(all) + (named.empty() ? "" : named + ")");
}

ExitCode remove(Session& session, const Removal& options) {
  if (!options.yes) {
    const Queue queue = session.ask([&](Client& client) { return client.queue(options.queue); });
    // One that is not empty is refused by the server, which says why: nothing to ask about.
    const bool refused = !options.force && queue.counts.unfinished() + queue.counts.dead > 0;
    if (!refused && !confirm("deletes queue " + printable(queue.name) + ", its settings and its " +
                             contents_text(queue.counts) + " for good"))
      return exit_refused;
  }
  session.ask([&](Client& client) { client.queue_delete(options.queue, options.force); });
  if (session.json) {
    std::cout << "{\"deleted\":\"" << options.queue << "\"}\n";  // a name needs no escapes
  } else {
    std::cout << "Deleted queue " << options.queue << '\n';
  }
  return exit_ok;
}

void add_purge(CLI::App& queue, Session& session) {
  auto options = std::make_shared<Removal>();
  CLI::App* command =
      queue.add_subcommand("purge", "Delete the queue's tasks in some states, for good");
  command->add_option("name", options->queue, "The queue's name")->required();
  command
      ->add_option("--state", options->states,
                   "State of the tasks to delete; as often as you like, or separated by commas")
      ->required()
      ->allow_extra_args(false)
      ->delimiter(',')
      ->check(CLI::IsMember(purgeable_states()).description(""))
      ->type_name("blocked|scheduled|ready|retrying|dead|succeeded|cancelled");
  add_yes(*command, options->yes);
  add_examples(*command,
               "  qctl queue purge emails --state ready\n"
               "  qctl queue purge emails --state ready,scheduled,retrying --yes\n");
  command->callback([&session, options] {
    session.action = [&session, options] { return purge(session, *options); };
  });
}

void add_delete(CLI::App& queue, Session& session) {
  auto options = std::make_shared<Removal>();
  CLI::App* command =
      queue.add_subcommand("delete", "Delete a queue without unfinished or dead tasks");
  command->add_option("name", options->queue, "The queue's name")->required();
  command->add_flag("--force", options->force, "Also discard unfinished and dead tasks");
  add_yes(*command, options->yes);
  add_examples(*command,
               "  qctl queue delete imports\n"
               "  qctl queue delete imports --force --yes\n");
  command->callback([&session, options] {
    session.action = [&session, options] { return remove(session, *options); };
  });
}

}  // namespace

void add_queue_removal(CLI::App& queue, Session& session) {
  add_purge(queue, session);
  add_delete(queue, session);
}

}  // namespace quern::cli
