#include <CLI/App.hpp>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>

#include "commands/batch.h"
#include "commands/commands.h"
#include "commands/options.h"
#include "commands/waiting.h"
#include "text.h"

namespace quern::cli {
namespace {

struct Submit {
  NewTask task;
  std::string payload = "null";
  std::vector<std::string> metadata;
  Waiting waiting{.timeout = std::nullopt, .patience = default_patience};
  bool patient = false;  // --patience was given
  BatchOptions batch;
};

std::string read_all(std::istream& in, const std::string& name) {
  try {
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  } catch (const std::ios_base::failure&) {  // a folder can be opened, but not read
    throw UsageError("cannot read the payload from " + name);
  }
}

// JSON text, @file, or - for standard input.
std::string read_payload(const std::string& argument) {
  if (argument == "-") return read_all(std::cin, "standard input");
  if (!argument.starts_with('@')) return argument;
  const std::string path = argument.substr(1);
  std::ifstream file(path, std::ios::binary);
  if (!file) throw UsageError("cannot read the payload from " + path);
  return read_all(file, path);
}

void read_metadata(const std::vector<std::string>& pairs, NewTask& task) {
  for (const std::string& pair : pairs) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos) {
      throw UsageError("--metadata " + pair + ": write it as name=value");
    }
    const std::string name = pair.substr(0, equals);
    if (!task.metadata.emplace(name, pair.substr(equals + 1)).second) {
      throw UsageError("--metadata " + pair + ": there is another value for " + name);
    }
  }
}

// Whatever ends the waiting, the person learns the id of what is on the server.
ExitCode wait_for_submitted(Session& session, Waiter& waiter, const std::string& id,
                            const Waiting& waiting) {
  // Also when it is Ctrl-C or a signal.
  std::cerr << "Submitted " << id << "; waiting up to " << exact_text(*waiting.timeout)
            << std::endl;
  try {
    return show_waited(session, waiter.wait_for(id), waiting);
  } catch (const ApiError& error) {
    Error told = error.error();
    told.detail = "task " + id + " is submitted, but waiting for it failed: " + told.detail;
    throw ApiError(std::move(told));
  }
}

void say_if_replayed(const Session& session, const Task& task) {
  if (task.replayed && !session.json) {
    std::cerr << "This idempotency key was used before; nothing new was submitted.\n";
  }
}

// A person waits for the answer; or, with --wait or --patience, on purpose for the server.
ExitCode submit_one(Session& session, const Submit& options) {
  const Waiting& waiting = options.waiting;
  Task task;
  if (waiting.timeout || options.patient) {
    Waiter waiter(session, waiting);
    task = waiter.submit(options.task);
    say_if_replayed(session, task);
    if (waiting.timeout) return wait_for_submitted(session, waiter, task.id, waiting);
  } else {
    task = session.ask([&](Client& client) { return client.submit(options.task); });
    say_if_replayed(session, task);
  }
  std::cout << (session.json ? one_line(to_json(task)) : task.id) << '\n';
  return exit_ok;
}

ExitCode submit(Session& session, Submit& options) {
  read_metadata(options.metadata, options.task);
  if (options.batch.payloads && options.task.type.empty()) {
    throw UsageError("submit: name the type of the payloads");
  }
  if (!options.batch.path.empty()) {
    return submit_batch(session, options.batch, options.task, options.waiting.patience);
  }
  if (options.task.type.empty()) throw UsageError("submit: name the type of the task");
  options.task.payload = read_payload(options.payload);
  return submit_one(session, options);
}

void add_batch(CLI::App& command, BatchOptions& batch,
               const std::vector<CLI::Option*>& only_for_one_task) {
  CLI::Option* path =
      command
          .add_option("--batch", batch.path,
                      "Submit one task for each line of JSON in FILE, or of standard input (-); a "
                      "line has the fields of POST /tasks")
          ->check(not_empty())
          ->type_name("FILE");
  for (CLI::Option* option : only_for_one_task) path->excludes(option);
  command
      .add_option("--key-prefix", batch.key_prefix,
                  "Begins the idempotency keys of a batch (default: batch); another prefix makes "
                  "other tasks")
      ->type_name("TEXT")
      ->needs(path);
  command.add_flag("--payloads", batch.payloads, "Each line of the batch is a payload")
      ->needs(path);
  command.add_option("--from-line", batch.from_line, "Skip the lines of the batch before this one")
      ->check(more_than_zero())
      ->type_name("NUMBER")
      ->needs(path);
}

}  // namespace

void add_submit(CLI::App& app, Session& session) {
  auto options = std::make_shared<Submit>();
  NewTask& task = options->task;
  CLI::App* command = app.add_subcommand("submit", "Submit a task and print its id");
  command->add_option("type", task.type,
                      "Which handler runs it; with --batch only for lines that do not say");
  CLI::Option* payload =
      command
          ->add_option("payload", options->payload,
                       "JSON text, @FILE, or - for standard input (default: null)")
          ->type_name("JSON/@FILE/-");
  command->add_option("-q,--queue", task.queue, "Queue (default: " + task.queue + ")")
      ->check(not_empty());
  command->add_option("-p,--priority", task.priority, "0 to 9, higher first");
  add_duration(*command, "--delay", task.delay, "Not before so long from now");
  add_time(*command, "--run-at", task.run_at, "Not before this time");
  add_duration(*command, "--ttl", task.ttl, "Must start within this time, or it is dead");
  add_time(*command, "--expires-at", task.expires_at, "Must start before, or it is dead");
  command->add_option("--max-attempts", task.max_attempts, "Attempts before it is dead");
  add_duration(*command, "--lease", task.lease, "How long a worker holds it without a heartbeat");
  add_duration(*command, "--timeout", task.timeout, "Hard limit of one attempt");
  CLI::Option* key = command
                         ->add_option("-k,--key", task.idempotency_key,
                                      "Idempotency key: the same key again is the same task")
                         ->check(not_empty());
  command
      ->add_option("--correlation-id", task.correlation_id,
                   "Groups the tasks of one business operation")
      ->envname("QUERN_CORRELATION_ID")  // of the task whose program submits this one
      ->check(not_empty());
  command->add_option("-m,--metadata", options->metadata, "name=value, as often as you like")
      ->allow_extra_args(false);
  CLI::Option* wait = add_duration(*command, "--wait", options->waiting.timeout,
                                   "Wait so long for the task to finish, then show it");
  CLI::Option* patience = add_patience(*command, options->waiting.patience);
  add_batch(*command, options->batch, {payload, key, wait});
  add_examples(
      *command,
      "  qctl submit send_email '{\"to\": \"ada@example.com\"}' --queue emails\n"
      "  qctl submit report @report.json --delay 1h --key report-2026-11-23\n"
      "  generate | qctl submit import - --wait 5m\n"
      "  qctl submit --batch tasks.ndjson --queue imports\n"
      "  jq -c .[] docs.json | qctl submit index --batch - --payloads\n"
      "\nA batch may be run again after any kind of end: the idempotency key of a line is\n"
      "made of --key-prefix, the line's number and everything that its task says, so what\n"
      "is on the server already is not submitted twice.\n");
  command->callback([&session, options, patience] {
    options->patient = patience->count() != 0;
    session.action = [&session, options] { return submit(session, *options); };
  });
}

}  // namespace quern::cli
