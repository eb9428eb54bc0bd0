#include <unistd.h>

#include <CLI/App.hpp>
#include <csignal>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "advice.h"
#include "commands/commands.h"
#include "commands/options.h"
#include "quern/worker.h"
#include "text.h"
#include "work/descriptor_limit.h"
#include "work/diagnostics.h"
#include "work/handler.h"
#include "work/program_file.h"
#include "work/report.h"

namespace quern::cli {
namespace {

// The SDK's worker sends none more often.
constexpr Duration heartbeat_min{100};

struct Work {
  WorkerOptions worker;
  HandlerOptions handler;
  std::vector<std::string> types;
  std::string result = "auto";
  bool quiet = false;
};

ResultAs result_as(const std::string& name) {
  if (name == "json") return ResultAs::json;
  return name == "text" ? ResultAs::text : ResultAs::automatic;
}

void check(const Work& options) {
  if (options.worker.heartbeat < heartbeat_min) {
    throw UsageError("work: --heartbeat must be at least " + exact_text(heartbeat_min));
  }
  if (options.handler.timeout && *options.handler.timeout <= Duration{0}) {
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

void prepare(Work& options) {
  check(options);
  const std::string& program = options.handler.command.front();
  if (!can_run(program)) throw UsageError("work: cannot find or run \"" + program + "\"");
  options.handler.result = result_as(options.result);
  options.handler.descriptors = raise_descriptor_limit(options.worker.concurrency);
  std::signal(SIGPIPE, SIG_IGN);  // a program that reads no input must not end the worker
}

void handle(Worker& worker, const std::vector<std::string>& types, Handler& handler) {
  const auto run = [&handler](Context& context) { return handler.run(context); };
  if (types.empty()) worker.handle_any(run);
  for (const std::string& type : types) worker.handle(type, run);
}

ExitCode work(Session& session, Work& options) {
  prepare(options);
  Client& client = session.client();
  Client asked_about_lost(session.patient_client_options(Duration{2'000}));
  Diagnostics diagnostics(session.json);
  std::unique_ptr<Worker> worker;
  const auto stop = [&worker] { worker->stop(); };
  Report report(asked_about_lost, diagnostics,
                {.json = session.json, .quiet = options.quiet, .on_unwritable = stop});
  Handler handler(options.handler, session.connection(), report, diagnostics, stop);
  options.worker.on_settled = [&](const Settlement& sent, const Settled& answer) {
    report.settled(sent, answer);
  };
  options.worker.log = [&](LogLevel level, std::string_view text) {
    if (level >= LogLevel::warning) diagnostics.say(worker_code, std::string(text));
  };
  worker = make_worker(client, options.worker);
  handle(*worker, options.types, handler);
  if (!options.quiet && !session.json) greet(options.worker);
  worker->run_until_signal();
  const bool all_written = report.finish();
  if (const auto& reason = handler.start_failure()) {
    diagnostics.say(usage_code, "work: " + *reason);
    return exit_usage;
  }
  return all_written ? exit_ok : exit_refused;
}

}  // namespace

void add_work(CLI::App& app, Session& session) {
  auto options = std::make_shared<Work>();
  WorkerOptions& worker = options->worker;
  CLI::App* command = app.add_subcommand(
      "work", "Run a program for each task of a queue: a worker in any language");
  command
      ->add_option("command", options->handler.command, "The program and its arguments, behind --")
      ->required()
      ->type_name("PROGRAM");
  command->add_option("-q,--queue", worker.queues, "Queue to take tasks from; may be repeated")
      ->required()
      ->allow_extra_args(false)
      ->type_name("QUEUE");
  command->add_option("--type", options->types, "Only for this type; others fail; may be repeated")
      ->allow_extra_args(false)
      ->type_name("TYPE");
  command
      ->add_option("-c,--concurrency", worker.concurrency,
                   "Programs at once (1 to 1000; default: 1)")
      ->check(from_to(1, 1000))
      ->type_name("NUMBER");
  command->add_option("--worker-id", worker.worker_id, "Shown to people (default: host:process)")
      ->type_name("TEXT");
  add_duration(*command, "--lease", worker.lease,
               "How soon another worker takes over when this one dies (default: as the task or "
               "its queue says)");
  add_duration(*command, "--heartbeat", worker.heartbeat,
               "How often a lease is extended, and a cancel noticed; at most a third of the lease "
               "(default: 5s)");
  add_duration(*command, "--grace", worker.grace,
               "After SIGTERM or Ctrl-C: how long running programs may take (default: 30s)");
  add_duration(*command, "--timeout", options->handler.timeout,
               "Stop a program after this time, or its task's own if that is less; a retry");
  add_duration(*command, "--kill-after", options->handler.kill_after,
               "From SIGTERM to SIGKILL when a program has to stop; less when its task's time-out "
               "is nearer (default: 4s)");
  add_choice(*command, "--result", options->result, {"auto", "json", "text"},
             "What standard output is (default: auto, JSON if it is, else text)");
  command->add_flag("--pass-token", options->handler.pass_token,
                    "Give programs the token as QUERN_TOKEN");
  command->add_flag("--quiet", options->quiet, "No line for each task");
  add_examples(*command,
               "  qctl work --queue emails -- ./send_email.py\n"
               "  qctl work -q thumbnails -c 4 --timeout 2m -- sh -c 'jq -r .url | xargs thumb'\n"
               "\nThe program gets the payload on standard input; QUERN_TASK_ID, QUERN_TASK_TYPE,\n"
               "QUERN_QUEUE, QUERN_ATTEMPT, QUERN_MAX_ATTEMPTS, QUERN_CORRELATION_ID,\n"
               "QUERN_IDEMPOTENCY_KEY, QUERN_METADATA, QUERN_SERVER and QUERN_CA_FILE in its\n"
               "environment.\n"
               "Exit 0: succeeded, with standard output as the result. Exit 65: dead, not to be\n"
               "retried. 75 and all others: retried; the end of standard error is the message.\n");
  command->callback([&session, options] {
    session.action = [&session, options] { return work(session, *options); };
  });
}

}  // namespace quern::cli
