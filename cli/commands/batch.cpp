#include "commands/batch.h"

#include <algorithm>
#include <iostream>
#include <utility>

#include "advice.h"
#include "batch/key.h"
#include "batch/line_reader.h"
#include "batch/line_task.h"
#include "batch/progress.h"
#include "batch/sender.h"
#include "confirm.h"
#include "quern/protocol/limits.h"
#include "text.h"

namespace quern::cli {
namespace {

// Round trips cost little at this size, and the bar moves.
constexpr std::uint64_t chunk_tasks = 1'000;
constexpr std::uint64_t chunk_bytes = 4 * 1024 * 1024;
// What a slow source has given goes to the server after this time, though it is no full chunk.
constexpr std::chrono::milliseconds gather_time{200};

class Batch {
 public:
  Batch(Session& session, Client& client, const BatchOptions& options, const NewTask& defaults,
        Duration patience, LineReader& lines, BatchProgress& progress)
      : options_(options),
        defaults_(defaults),
        lines_(lines),
        progress_(progress),
        client_(client),
        patience_(patience, Patience::Clock::time_point::max(),
                  [&progress](const auto& why) { progress.trouble(why); }),
        sender_(client, progress, patience, [&session](const Task& task) {
          if (session.json) std::cout << one_line(to_json(task)) << '\n';
        }) {}

  // Submits everything up to the first line that is wrong; its error.
  Result<void> run() {
    learn_limits();
    std::string line;
    for (;;) {
      const LineReader::Got got = next_line(line);
      if (got == LineReader::Got::line && lines_.line() < options_.from_line) continue;
      if (got == LineReader::Got::line) {
        if (auto added = add(line); !added) return added;
        if (sender_.pending() < tasks_max_) continue;
      }
      if (auto sent = flush(); !sent) return sent;
      if (got == LineReader::Got::end) return Ok{};
    }
  }

  std::uint64_t count() const { return sender_.count(); }
  std::uint64_t last_line() const { return sender_.last_line(); }
  // What is wrong with the file itself, if that ended it.
  const std::string& unreadable() const { return unreadable_; }

 private:
  void learn_limits() {
    progress_.wait_for_server();
    limits_ = patience_.ask([&] { return client_.info().limits; });
    if (limits_.batch_tasks_max != 0) tasks_max_ = std::min(tasks_max_, limits_.batch_tasks_max);
    // Half of a body: what the fields and the key add to a line fits in.
    if (limits_.body_bytes_max != 0) bytes_max_ = std::min(bytes_max_, limits_.body_bytes_max / 2);
    progress_.advance(0, 0, 0);
    progress_.wait_for_input();
  }

  // What was read before a line that cannot be read goes to the server all the same.
  LineReader::Got next_line(std::string& line) {
    try {
      // Nothing to send: then there is no hurry.
      if (sender_.pending() == 0) return lines_.next(line);
      return lines_.next(line, gathered_until_);
    } catch (const UsageError& error) {
      unreadable_ = error.what();
      return LineReader::Got::end;
    }
  }

  Result<void> add(const std::string& line) {
    const std::uint64_t number = lines_.line();
    Result<NewTask> task = task_of(line);
    if (!task) {
      if (auto before = flush(); !before) return before;
      return at_line(task.error(), number);
    }
    if (bytes_ + line.size() > bytes_max_) {
      if (auto before = flush(); !before) return before;
    }
    if (sender_.pending() == 0) gathered_until_ = LineReader::Clock::now() + gather_time;
    bytes_ += line.size();
    sender_.add(number, std::move(task).value());
    return Ok{};
  }

  Result<NewTask> task_of(const std::string& line) const {
    NewTask task = defaults_;
    if (options_.payloads) {
      task.payload = line;
    } else if (auto read = read_line_task(line, task); !read) {
      return std::move(read).error();
    }
    // Known without sending a megabyte for a "no".
    if (limits_.payload_bytes_max != 0 && task.payload.size() > limits_.payload_bytes_max) {
      return Error{.code = ErrorCode::payload_too_large,
                   .detail = "/payload has " + grouped(task.payload.size()) +
                             " bytes, and the server takes at most " +
                             grouped(limits_.payload_bytes_max)};
    }
    if (task.idempotency_key.empty()) {
      task.idempotency_key = batch_key(options_.key_prefix, lines_.line(), task);
    }
    return task;
  }

  Result<void> flush() {
    bytes_ = 0;
    const Result<void> sent = sender_.send(lines_.bytes());
    progress_.wait_for_input();
    return sent;
  }

  const BatchOptions& options_;
  const NewTask& defaults_;
  LineReader& lines_;
  BatchProgress& progress_;
  Client& client_;
  Patience patience_;
  BatchSender sender_;
  ServerLimits limits_;
  std::uint64_t tasks_max_ = chunk_tasks;
  std::uint64_t bytes_max_ = chunk_bytes;
  std::uint64_t bytes_ = 0;  // of the lines that are pending
  LineReader::Clock::time_point gathered_until_;
  std::string unreadable_;
};

void check(const BatchOptions& options) {
  constexpr std::size_t line_and_hash_bytes_max = 20 + 2 + 32;
  constexpr std::size_t prefix_bytes_max =
      limits::idempotency_key_bytes_max - line_and_hash_bytes_max;
  if (!is_printable_ascii(options.key_prefix, prefix_bytes_max)) {
    throw UsageError("submit: --key-prefix must have 1 to " + std::to_string(prefix_bytes_max) +
                     " printable ASCII characters");
  }
}

}  // namespace

ExitCode submit_batch(Session& session, const BatchOptions& options, const NewTask& defaults,
                      Duration patience) {
  check(options);
  session.client();  // an address that is none is refused before anything is read
  constexpr std::size_t line_bytes_max = 16 * 1024 * 1024;
  LineReader lines(options.path, line_bytes_max);
  std::optional<Error> failure;
  std::string unreadable;
  std::uint64_t count = 0;
  std::uint64_t last_line = options.from_line - 1;
  {
    BatchProgress progress({.server = session.connection().server,
                            .patience = patience,
                            .json = session.json,
                            .bytes_total = lines.size()});
    Client client(session.patient_client_options(patience));
    Batch batch(session, client, options, defaults, patience, lines, progress);
    try {
      if (auto done = batch.run(); !done) failure = done.error();
    } catch (const ApiError& error) {
      failure = error.error();
    }
    unreadable = batch.unreadable();
    count = batch.count();
    last_line = std::max(last_line, batch.last_line());
  }
  const bool well = !failure && unreadable.empty();
  if (!session.json && (well || count != 0)) {
    // Of a batch that is run again, some were there before.
    std::cout << tasks_text(count) << (count == 1 ? " is" : " are") << " on the server"
              << std::endl;
  }
  if (well) return exit_ok;
  if (failure) {
    print_error(session, ApiError(*failure));
  } else {
    print_failure(session.json, usage_code, unreadable);
  }
  if (!session.json) std::cerr << how_to_go_on(last_line) << '\n';
  return failure ? exit_code_for(failure->code) : exit_usage;
}

}  // namespace quern::cli
