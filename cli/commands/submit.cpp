#include <CLI/App.hpp>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>

#include "commands/commands.h"
#include "commands/options.h"
#include "commands/task_text.h"

namespace quern::cli {
namespace {

struct Submit {
  NewTask task;
  std::string payload = "null";
  std::vector<std::string> metadata;
  std::optional<Duration> wait;
};

std::string read_all(std::istream& in) {
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// JSON text, @file, or - for standard input.
std::string read_payload(const std::string& argument) {
  if (argument == "-") return read_all(std::cin);
  if (!argument.starts_with('@')) return argument;
  std::ifstream file(argument.substr(1), std::ios::binary);
  if (!file) throw UsageError("cannot read the payload from " + argument.substr(1));
  return read_all(file);
}

void read_metadata(const std::vector<std::string>& pairs, NewTask& task) {
  for (const std::string& pair : pairs) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos) {
      throw UsageError("--metadata " + pair + ": write it as name=value");
    }
    task.metadata[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
}

ExitCode submit(Session& session, Submit& options) {
  options.task.payload = read_payload(options.payload);
  read_metadata(options.metadata, options.task);
  Task task = session.ask([&](Client& client) { return client.submit(options.task); });
  if (task.replayed) {
    std::cerr << "This idempotency key was used before; nothing new was submitted.\n";
  }
  if (!options.wait) {
    std::cout << (session.json ? one_line(to_json(task)) : task.id) << '\n';
    return exit_ok;
  }
  task = session.client().wait(task.id, *options.wait);
  if (session.json) {
    std::cout << one_line(to_json(task)) << '\n';
  } else {
    print_task(std::cout, task, session.look());
  }
  if (!is_terminal(task.state)) return exit_not_in_time;
  return task.state == TaskState::succeeded ? exit_ok : exit_refused;
}

}  // namespace

void add_submit(CLI::App& app, Session& session) {
  auto options = std::make_shared<Submit>();
  NewTask& task = options->task;
  CLI::App* command = app.add_subcommand("submit", "Submit a task and print its id");
  command->add_option("type", task.type, "Which handler runs it")->required();
  command->add_option("payload", options->payload,
                      "JSON text, @FILE, or - for standard input (default: null)");
  command->add_option("-q,--queue", task.queue, "Queue")->capture_default_str();
  command->add_option("-p,--priority", task.priority, "0 to 9, higher first");
  add_duration(*command, "--delay", task.delay, "Not before so long from now");
  add_time(*command, "--run-at", task.run_at, "Not before this time");
  add_duration(*command, "--ttl", task.ttl, "Must start within this time, or it is dead");
  add_time(*command, "--expires-at", task.expires_at, "Must start before, or it is dead");
  command->add_option("--max-attempts", task.max_attempts, "Attempts before it is dead");
  add_duration(*command, "--lease", task.lease, "How long a worker holds it without a heartbeat");
  add_duration(*command, "--timeout", task.timeout, "Hard limit of one attempt");
  command->add_option("-k,--key", task.idempotency_key,
                      "Idempotency key: the same key again is the same task");
  command->add_option("--correlation-id", task.correlation_id,
                      "Groups the tasks of one business operation");
  command->add_option("-m,--metadata", options->metadata, "name=value, as often as you like")
      ->allow_extra_args(false);
  add_duration(*command, "--wait", options->wait,
               "Wait so long for the task to finish, then show it");
  add_examples(*command,
               "  qctl submit send_email '{\"to\": \"ada@example.com\"}' --queue emails\n"
               "  qctl submit report @report.json --delay 1h --key report-2026-11-23\n"
               "  generate | qctl submit import - --wait 5m\n");
  command->callback([&session, options] {
    session.action = [&session, options] { return submit(session, *options); };
  });
}

}  // namespace quern::cli
