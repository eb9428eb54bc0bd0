#include <unistd.h>

#include <CLI/App.hpp>
#include <chrono>
#include <csignal>
#include <iostream>
#include <memory>
#include <mutex>

#include "commands/commands.h"
#include "commands/options.h"
#include "quern/protocol/json_writer.h"
#include "quern/protocol/limits.h"
#include "quern/worker.h"
#include "text.h"
#include "work/outcome.h"
#include "work/process.h"

extern char** environ;

namespace quern::cli {
namespace {

// Around JSON, which the result is without.
constexpr std::size_t white_space_bytes_max = 4'096;
// The SDK's worker sends none more often.
constexpr Duration heartbeat_min{100};

struct Work {
  std::vector<std::string> command;
  WorkerOptions worker;
  std::vector<std::string> types;
  std::optional<Duration> timeout;
  Duration kill_after{4'000};
  std::string result = "auto";
  bool pass_token = false;
  bool quiet = false;
};

ResultAs result_as(const std::string& name) {
  if (name == "json") return ResultAs::json;
  return name == "text" ? ResultAs::text : ResultAs::automatic;
}

std::string metadata_json(const Task& task) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  for (const auto& [name, value] : task.metadata) json.key(name).string(value);
  json.end_object();
  return text;
}

// Ours without what is about another task or secret, and the task's.
std::vector<std::string> environment_for(const Context& context, const Connection& connection,
                                         bool pass_token) {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with("QUERN_")) environment.emplace_back(*entry);
  }
  const Task& task = context.task();
  const auto set = [&](const std::string& name, const std::string& value) {
    environment.push_back("QUERN_" + name + "=" + value);
  };
  set("TASK_ID", task.id);
  set("TASK_TYPE", task.type);
  set("QUEUE", task.queue);
  set("ATTEMPT", std::to_string(task.attempts));
  set("MAX_ATTEMPTS", std::to_string(task.max_attempts));
  set("CORRELATION_ID", task.correlation_id);
  if (!task.idempotency_key.empty()) set("IDEMPOTENCY_KEY", task.idempotency_key);
  set("METADATA", metadata_json(task));
  set("SERVER", connection.server);  // for follow-up tasks with qctl submit
  if (pass_token && !connection.token.empty()) set("TOKEN", connection.token);
  return environment;
}

// One line for each task, for eyes or as JSON.
class Report {
 public:
  explicit Report(bool json, bool quiet) : json_(json), quiet_(quiet) {}

  void ended(const Task& task, const std::string& outcome, Duration took) {
    if (quiet_) return;
    const std::lock_guard lock(mutex_);
    if (json_) {
      std::string text;
      JsonWriter json(text);
      json.begin_object().key("id").string(task.id).key("type").string(task.type);
      json.key("attempt").number(task.attempts).key("outcome").string(outcome);
      json.key("duration_ms").number(std::int64_t{took.count()}).end_object();
      std::cout << one_line(text) << std::endl;
    } else {
      std::cout << printable(task.id) << "  " << printable(task.type) << "  attempt "
                << task.attempts << "  " << shortened(outcome, 100) << " after "
                << duration_text(took) << std::endl;
    }
  }

 private:
  std::mutex mutex_;
  bool json_;
  bool quiet_;
};

// Asked for at the first task, since a worker may start before its server.
class ResultLimit {
 public:
  std::size_t bytes(Client& client) {
    std::call_once(asked_, [&] {
      try {
        const std::uint64_t told = client.info().limits.payload_bytes_max;
        if (told != 0) bytes_ = told;
      } catch (const ApiError&) {  // then the server's usual limit
      }
    });
    return bytes_;
  }

 private:
  std::once_flag asked_;
  std::size_t bytes_ = limits::payload_bytes_max;
};

std::string run_command(Context& context, const Work& options, const Connection& connection,
                        ResultLimit& limit, Report& report) {
  const std::size_t result_bytes_max = limit.bytes(context.client());
  ErrorTail errors;
  const ProcessOptions process{
      .command = options.command,
      .environment = environment_for(context, connection, options.pass_token),
      .input = context.payload(),
      .output_bytes_max = result_bytes_max + white_space_bytes_max,
      .timeout = options.timeout,
      .kill_after = options.kill_after,
      .on_error_output = [&](std::string_view bytes) {
        errors.add(bytes);
        // What people debug with goes where they look.
        [[maybe_unused]] const ssize_t shown = ::write(STDERR_FILENO, bytes.data(), bytes.size());
      }};
  const auto started = std::chrono::steady_clock::now();
  const auto took = [&] {
    return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - started);
  };
  bool asked_to_stop = false;
  try {
    const ProcessResult ended = run_process(process, context.stop_token());
    asked_to_stop = ended.stopped == StopReason::asked;
    std::string result = outcome_of(ended, errors, result_as(options.result), result_bytes_max);
    report.ended(context.task(), "succeeded", took());
    return result;
  } catch (const std::exception& error) {
    report.ended(context.task(), asked_to_stop ? "stopped" : std::string("failed: ") + error.what(),
                 took());
    throw;
  }
}

void check(const Work& options) {
  if (options.worker.heartbeat < heartbeat_min) {
    throw UsageError("work: --heartbeat must be at least " + exact_text(heartbeat_min));
  }
  if (options.timeout && *options.timeout <= Duration{0}) {
    throw UsageError("work: --timeout must be longer than 0s");
  }
}

// What the SDK refuses are options of the command line.
std::unique_ptr<Worker> make_worker(Client& client, const WorkerOptions& options) {
  try {
    return std::make_unique<Worker>(client, options);
  } catch (const ApiError& error) {
    throw UsageError("work: --" + error.detail());
  }
}

// A person would else look at nothing until the first task comes.
void greet(const WorkerOptions& worker) {
  if (::isatty(STDERR_FILENO) != 1) return;
  std::string queues;
  for (const std::string& queue : worker.queues) queues += (queues.empty() ? "" : ", ") + queue;
  std::cerr << "Working on " << printable(queues)
            << ". Ctrl-C ends it in order, a second one at once.\n";
}

ExitCode work(Session& session, Work& options) {
  check(options);
  if (!can_run(options.command.front())) {
    throw UsageError("work: cannot find or run \"" + options.command.front() + "\"");
  }
  std::signal(SIGPIPE, SIG_IGN);  // a program that reads no input must not end the worker
  Report report(session.json, options.quiet);
  const Connection& connection = session.connection();
  ResultLimit limit;
  const auto worker = make_worker(session.client(), options.worker);
  const auto handler = [&](Context& context) {
    return run_command(context, options, connection, limit, report);
  };
  if (options.types.empty()) {
    worker->handle_any(handler);
  } else {
    for (const std::string& type : options.types) worker->handle(type, handler);
  }
  if (!options.quiet && !session.json) greet(options.worker);
  worker->run_until_signal();
  return exit_ok;
}

}  // namespace

void add_work(CLI::App& app, Session& session) {
  auto options = std::make_shared<Work>();
  WorkerOptions& worker = options->worker;
  CLI::App* command = app.add_subcommand(
      "work", "Run a program for each task of a queue: a worker in any language");
  command->add_option("command", options->command, "The program and its arguments, behind --")
      ->required()
      ->type_name("PROGRAM");
  command->add_option("-q,--queue", worker.queues, "Queue to take tasks from; may be repeated")
      ->required()
      ->allow_extra_args(false)
      ->type_name("QUEUE");
  command->add_option("--type", options->types, "Only for this type; others fail; may be repeated")
      ->allow_extra_args(false)
      ->type_name("TYPE");
  command->add_option("-c,--concurrency", worker.concurrency, "Programs at once (default: 1)")
      ->check(CLI::Range(1, 1000))
      ->type_name("NUMBER");
  command->add_option("--worker-id", worker.worker_id, "Shown to people (default: host:process)")
      ->type_name("TEXT");
  add_duration(*command, "--lease", worker.lease,
               "How soon another worker takes over when this one dies (default: 1m)");
  add_duration(*command, "--heartbeat", worker.heartbeat,
               "How often a lease is extended, and a cancel noticed (default: 5s)");
  add_duration(*command, "--grace", worker.grace,
               "After SIGTERM or Ctrl-C: how long running programs may take (default: 30s)");
  add_duration(*command, "--timeout", options->timeout, "Stop a program after this time; a retry");
  add_duration(*command, "--kill-after", options->kill_after,
               "From SIGTERM to SIGKILL when a program has to stop (default: 4s)");
  add_choice(*command, "--result", options->result, {"auto", "json", "text"},
             "What standard output is (default: auto, JSON if it is, else text)");
  command->add_flag("--pass-token", options->pass_token, "Give programs the token as QUERN_TOKEN");
  command->add_flag("--quiet", options->quiet, "No line for each task");
  add_examples(*command,
               "  qctl work --queue emails -- ./send_email.py\n"
               "  qctl work -q thumbnails -c 4 --timeout 2m -- sh -c 'jq -r .url | xargs thumb'\n"
               "\nThe program gets the payload on standard input; QUERN_TASK_ID, QUERN_TASK_TYPE,\n"
               "QUERN_QUEUE, QUERN_ATTEMPT, QUERN_MAX_ATTEMPTS, QUERN_CORRELATION_ID,\n"
               "QUERN_IDEMPOTENCY_KEY, QUERN_METADATA and QUERN_SERVER in its environment.\n"
               "Exit 0: succeeded, with standard output as the result. Exit 65: dead, not to be\n"
               "retried. 75 and all others: retried; the end of standard error is the message.\n");
  command->callback([&session, options] {
    session.action = [&session, options] { return work(session, *options); };
  });
}

}  // namespace quern::cli
