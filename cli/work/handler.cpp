#include "work/handler.h"

#include <cerrno>
#include <utility>

#include "advice.h"
#include "quern/errors.h"
#include "quern/protocol/limits.h"
#include "text.h"
#include "work/environment.h"
#include "work/process.h"
#include "work/program_file.h"

namespace quern::cli {
namespace {

using std::chrono::steady_clock;

// Around JSON, which the result is without.
constexpr std::size_t white_space_bytes_max = 4'096;
// For a machine that is short of something; and how often that is said while it lasts.
constexpr Duration shortage_pause{5'000};
constexpr Duration shortage_said_every{60'000};

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

}  // namespace

Handler::Handler(HandlerOptions options, const Connection& connection, Report& report,
                 Diagnostics& diagnostics, std::function<void()> stop)
    : options_(std::move(options)),
      connection_(connection),
      report_(report),
      diagnostics_(diagnostics),
      stop_(std::move(stop)),
      result_bytes_max_(limits::payload_bytes_max) {}

// Asked for at the first task, since a worker may start before its server.
std::size_t Handler::result_bytes_max(Client& client) {
  std::call_once(limit_asked_, [&] {
    try {
      const std::uint64_t told = client.info().limits.payload_bytes_max;
      if (told != 0) result_bytes_max_ = told;
    } catch (const ApiError&) {  // then the server's usual limit
    }
  });
  return result_bytes_max_;
}

// A program that was not started has not failed.
void Handler::not_started(const std::system_error& error) {
  const std::string& program = options_.command.front();
  std::string why = "cannot run \"" + program + "\": " + error.code().message();
  if (error.code().value() == E2BIG) throw Retry(why, "CommandFailed");  // this task's metadata
  if (will_pass(error.code())) {
    say_shortage(why);
    throw Release(shortage_pause, why);
  }
  if (error.code().value() == ENOENT && can_run(program)) {
    why = "cannot run \"" + program + "\": the interpreter in its first line is not there";
  }
  {
    const std::lock_guard lock(mutex_);
    // The first is told: then the worker ends, and loses no task an attempt.
    if (!start_failure_) start_failure_ = why;
  }
  stop_();
  throw Release(Duration{0}, why);
}

// It concerns every task that comes meanwhile; a line for each would hide all else.
void Handler::say_shortage(const std::string& why) {
  const SteadyTime now = steady_clock::now();
  const std::lock_guard lock(mutex_);
  if (shortage_said_at_ && now < *shortage_said_at_ + shortage_said_every) return;
  shortage_said_at_ = now;
  diagnostics_.say(worker_code, why + "; trying again in " + exact_text(shortage_pause) +
                                    ", and for as long as it lasts");
}

std::string Handler::run(Context& context) {
  const SteadyTime began_at = steady_clock::now();
  const std::size_t bytes_max = result_bytes_max(context.client());
  const Task& task = context.task();
  ErrorTail errors;
  const ProcessOptions process{
      .command = options_.command,
      .environment = environment_for(task, connection_, options_.pass_token),
      .input = context.payload(),
      .output_bytes_max = bytes_max + white_space_bytes_max,
      .timeout = options_.timeout,
      .kill_after = options_.kill_after,
      .attempt_time = AttemptTime(task.lease->timeout, began_at),
      .descriptors = options_.descriptors,
      .on_error_output = [&](std::string_view bytes) {
        errors.add(bytes);
        // What people debug with goes where they look.
        diagnostics_.pass_on(bytes);
      }};
  report_.began(task);
  ProcessResult ended;
  try {
    ended = run_process(process, context.stop_token());
  } catch (const std::system_error& error) {
    not_started(error);
  }
  report_.ended(task);
  return outcome_of(ended, errors, options_.result, bytes_max);
}

}  // namespace quern::cli
