#include <unistd.h>

#include <CLI/App.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

#include "advice.h"
#include "commands/commands.h"
#include "commands/options.h"
#include "quern/protocol/limits.h"
#include "quern/worker.h"
#include "text.h"
#include "work/environment.h"
#include "work/outcome.h"
#include "work/process.h"
#include "work/report.h"

namespace quern::cli {
namespace {

// Around JSON, which the result is without.
constexpr std::size_t white_space_bytes_max = 4'096;
// The SDK's worker sends none more often.
constexpr Duration heartbeat_min{100};
// For a machine that is short of something.
constexpr Duration shortage_pause{5'000};

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

// Why no program can be run at all, once one could not be: then the worker ends, and loses no task
// an attempt.
class StartFailure {
 public:
  // True for the first.
  bool set(std::string reason) {
    const std::lock_guard lock(mutex_);
    if (reason_) return false;
    reason_ = std::move(reason);
    return true;
  }
  const std::optional<std::string>& reason() const { return reason_; }  // when all threads ended

 private:
  std::mutex mutex_;
  std::optional<std::string> reason_;
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

// What all programs of a worker share.
struct Running {
  const Work& options;
  Session& session;
  Report& report;
  ResultLimit limit = {};
  StartFailure start_failure = {};
};

// No processes, memory or descriptors; or somebody is writing the program just now.
bool will_pass(const std::error_code& error) {
  switch (error.value()) {
    case EAGAIN:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case ETXTBSY:
      return true;
    default:
      return false;
  }
}

// A program that was not started has not failed.
[[noreturn]] void not_started(const std::system_error& error, Running& running, Worker& worker) {
  const std::string& program = running.options.command.front();
  std::string why = "cannot run \"" + program + "\": " + error.code().message();
  if (error.code().value() == E2BIG) throw Retry(why, "CommandFailed");  // this task's metadata
  if (will_pass(error.code())) {
    print_failure(running.session.json, worker_code,
                  why + "; trying again in " + exact_text(shortage_pause));
    throw Release(shortage_pause, why);
  }
  if (error.code().value() == ENOENT && can_run(program)) {
    why = "cannot run \"" + program + "\": the interpreter in its first line is not there";
  }
  if (running.start_failure.set(why)) worker.stop();
  throw Release(Duration{0}, why);
}

std::string run_command(Context& context, Running& running, Worker& worker) {
  const Work& options = running.options;
  const std::size_t result_bytes_max = running.limit.bytes(context.client());
  ErrorTail errors;
  const ProcessOptions process{
      .command = options.command,
      .environment =
          environment_for(context.task(), running.session.connection(), options.pass_token),
      .input = context.payload(),
      .output_bytes_max = result_bytes_max + white_space_bytes_max,
      .timeout = options.timeout,
      .kill_after = options.kill_after,
      .on_error_output = [&](std::string_view bytes) {
        errors.add(bytes);
        // What people debug with goes where they look.
        [[maybe_unused]] const ssize_t shown = ::write(STDERR_FILENO, bytes.data(), bytes.size());
      }};
  running.report.began(context.task());
  ProcessResult ended;
  try {
    ended = run_process(process, context.stop_token());
  } catch (const std::system_error& error) {
    not_started(error, running, worker);
  }
  running.report.ended(context.task());
  return outcome_of(ended, errors, result_as(options.result), result_bytes_max);
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
  Client& client = session.client();
  Client asked_about_lost(session.patient_client_options(Duration{2'000}));
  Report report(asked_about_lost, {.json = session.json, .quiet = options.quiet});
  Running running{.options = options, .session = session, .report = report};
  options.worker.on_settled = [&](const Settlement& sent, const Settled& answer) {
    report.settled(sent, answer);
  };
  options.worker.log = [json = session.json](LogLevel level, std::string_view text) {
    if (level >= LogLevel::warning) print_failure(json, worker_code, std::string(text));
  };
  const auto worker = make_worker(client, options.worker);
  const auto handler = [&](Context& context) { return run_command(context, running, *worker); };
  if (options.types.empty()) {
    worker->handle_any(handler);
  } else {
    for (const std::string& type : options.types) worker->handle(type, handler);
  }
  if (!options.quiet && !session.json) greet(options.worker);
  worker->run_until_signal();
  if (const auto& reason = running.start_failure.reason()) throw UsageError("work: " + *reason);
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
               "QUERN_IDEMPOTENCY_KEY, QUERN_METADATA, QUERN_SERVER and QUERN_CA_FILE in its\n"
               "environment.\n"
               "Exit 0: succeeded, with standard output as the result. Exit 65: dead, not to be\n"
               "retried. 75 and all others: retried; the end of standard error is the message.\n");
  command->callback([&session, options] {
    session.action = [&session, options] { return work(session, *options); };
  });
}

}  // namespace quern::cli
