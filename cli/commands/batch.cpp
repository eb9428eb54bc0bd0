#include "commands/batch.h"

#include <algorithm>
#include <iostream>
#include <vector>

#include "advice.h"
#include "batch/key.h"
#include "batch/line_reader.h"
#include "batch/line_task.h"
#include "batch/progress.h"
#include "confirm.h"
#include "text.h"

namespace quern::cli {
namespace {

// Round trips cost little at this size, and the bar moves.
constexpr std::uint64_t chunk_tasks = 1'000;
constexpr std::uint64_t chunk_bytes = 4 * 1024 * 1024;
// A server that is being restarted or is full: the batch waits for it. Then somebody should look.
constexpr Duration patience{300'000};

class Batch {
 public:
  Batch(Session& session, Client& client, const BatchOptions& options, const NewTask& defaults,
        LineReader& lines, BatchProgress& progress)
      : session_(session),
        client_(client),
        options_(options),
        defaults_(defaults),
        lines_(lines),
        progress_(progress) {}

  // Submits everything up to the first line that is wrong; its error.
  Result<void> run() {
    const ServerLimits limits = client_.info().limits;
    if (limits.batch_tasks_max != 0) tasks_max_ = std::min(tasks_max_, limits.batch_tasks_max);
    // Half of a body: what the fields and the key add to a line fits in.
    if (limits.body_bytes_max != 0) bytes_max_ = std::min(bytes_max_, limits.body_bytes_max / 2);
    while (auto line = next_line()) {
      if (lines_.line() < options_.from_line) continue;
      auto task = task_of(*line);
      if (!task) {
        flush();
        return located(task.error(), lines_.line());
      }
      if (bytes_ + line->size() > bytes_max_) flush();
      bytes_ += line->size();
      tasks_.push_back(std::move(task).value());
      numbers_.push_back(lines_.line());
      if (tasks_.size() == tasks_max_) flush();
    }
    flush();
    return Ok{};
  }

  std::uint64_t count() const { return count_; }
  std::uint64_t last_line() const { return last_line_; }

 private:
  // What was read before a line that cannot be read goes to the server all the same.
  std::optional<std::string> next_line() {
    try {
      return lines_.next();
    } catch (const UsageError&) {
      flush();
      throw;
    }
  }

  Result<NewTask> task_of(const std::string& line) const {
    NewTask task = defaults_;
    if (options_.payloads) {
      task.payload = line;
    } else if (auto read = read_line_task(line, task); !read) {
      return std::move(read).error();
    }
    if (task.idempotency_key.empty()) {
      task.idempotency_key = batch_key(options_.key_prefix, lines_.line(), task);
    }
    return task;
  }

  static Error located(Error error, std::uint64_t line) {
    error.detail = "line " + std::to_string(line) + ": " + error.detail;
    return error;
  }

  void flush() {
    if (tasks_.empty()) return;
    std::vector<Task> answers;
    try {
      answers = client_.submit_batch(tasks_);
    } catch (const ApiError& error) {
      throw ApiError(with_lines(error.error()));
    }
    if (session_.json) {
      for (const Task& task : answers) std::cout << one_line(to_json(task)) << '\n';
    }
    count_ += tasks_.size();
    last_line_ = numbers_.back();
    progress_.advance(tasks_.size(), lines_.bytes(), last_line_);
    tasks_.clear();
    numbers_.clear();
    bytes_ = 0;
  }

  // "/tasks/3/priority" of a chunk means nothing to a person; the line's number does.
  Error with_lines(Error error) const {
    constexpr std::string_view prefix = "/tasks/";
    for (FieldError& field : error.fields) {
      if (!field.pointer.starts_with(prefix)) continue;
      const std::string rest = field.pointer.substr(prefix.size());
      const std::size_t index = static_cast<std::size_t>(std::atoll(rest.c_str()));
      if (index >= numbers_.size()) continue;
      const std::size_t slash = std::min(rest.find('/'), rest.size());
      field.detail = field.detail + " (line " + std::to_string(numbers_[index]) + ")";
      field.pointer = rest.substr(slash);
    }
    if (!error.fields.empty()) {
      error.detail = error.fields.front().pointer + " " + error.fields.front().detail;
    } else if (!numbers_.empty()) {
      error.detail = "lines " + std::to_string(numbers_.front()) + " to " +
                     std::to_string(numbers_.back()) + ": " + error.detail;
    }
    return error;
  }

  Session& session_;
  Client& client_;
  const BatchOptions& options_;
  const NewTask& defaults_;
  LineReader& lines_;
  BatchProgress& progress_;
  std::uint64_t tasks_max_ = chunk_tasks;
  std::uint64_t bytes_max_ = chunk_bytes;
  std::vector<NewTask> tasks_;
  std::vector<std::uint64_t> numbers_;  // the lines of `tasks_`
  std::uint64_t bytes_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t last_line_ = 0;
};

}  // namespace

ExitCode submit_batch(Session& session, const BatchOptions& options, const NewTask& defaults) {
  session.client();  // an address that is none is refused before anything is read
  constexpr std::size_t line_bytes_max = 16 * 1024 * 1024;
  LineReader lines(options.path, line_bytes_max);
  std::optional<Error> failure;
  std::string unreadable;  // what is wrong with the file itself
  std::uint64_t count = 0;
  std::uint64_t last_line = options.from_line - 1;
  {
    BatchProgress progress(lines.size());
    ClientOptions client_options = session.client_options();
    client_options.retry_for = patience;
    Client client(client_options);
    Batch batch(session, client, options, defaults, lines, progress);
    try {
      if (auto done = batch.run(); !done) failure = done.error();
    } catch (const ApiError& error) {
      failure = error.error();
    } catch (const UsageError& error) {
      unreadable = error.what();
    }
    count = batch.count();
    last_line = std::max(last_line, batch.last_line());
  }
  const bool well = !failure && unreadable.empty();
  if (!session.json && (well || count != 0)) {
    std::cout << "Submitted " << tasks_text(count) << '\n';
  }
  if (well) return exit_ok;
  if (failure) {
    print_error(session, ApiError(*failure));
  } else {
    std::cerr << "qctl: " << printable(unreadable) << '\n';
  }
  if (!session.json) std::cerr << how_to_go_on(last_line) << '\n';
  return failure ? exit_code_for(failure->code) : exit_usage;
}

}  // namespace quern::cli
