#include "work/report.h"

#include <unistd.h>

#include <system_error>
#include <utility>

#include "advice.h"
#include "quern/errors.h"
#include "quern/protocol/json_writer.h"
#include "session.h"
#include "text.h"

namespace quern::cli {
namespace {

using std::chrono::steady_clock;

constexpr std::string_view lost = "lost";
constexpr const char* unknown_end = "cancelled, or out of time";
// A server that answers slowly must not make lines pile up: of so many waiting none is looked up.
constexpr std::size_t look_ups_waiting_max = 1'000;
// Tens of thousands of lines, for a terminal that is stopped for a while.
constexpr std::size_t output_bytes_max = 8 << 20;

std::string_view word_for(const Settlement& sent, const Settled& answer) {
  if (answer.problem) {
    switch (answer.problem->code) {
      case ErrorCode::lease_lost:
      case ErrorCode::task_finished:
      case ErrorCode::task_not_found:
        return lost;
      default:
        return "refused";
    }
  }
  if (sent.op == SettleOp::complete) return "succeeded";
  return sent.op == SettleOp::fail ? "failed" : "released";
}

}  // namespace

Report::Report(Client& client, Diagnostics& diagnostics, ReportOptions options)
    : client_(client),
      diagnostics_(diagnostics),
      options_(std::move(options)),
      output_(output_options()),
      writer_([this] { write_until_closed(); }) {}

StreamWriterOptions Report::output_options() {
  return {.fd = STDOUT_FILENO,
          .queued_bytes_max = output_bytes_max,
          .on_failure =
              [this](int error) {
                diagnostics_.say(output_code, "the output could not be written: " +
                                                  std::generic_category().message(error) +
                                                  "; ending as soon as what runs has finished");
                if (options_.on_unwritable) options_.on_unwritable();
              },
          .on_left_out =
              [this](const LeftOut& left_out) {
                diagnostics_.say(output_code, std::to_string(left_out.pieces) +
                                                  " lines of output are left out: it was not "
                                                  "read in time");
                return std::string();
              }};
}

bool Report::finish() {
  {
    const std::lock_guard lock(mutex_);
    for (auto& [token, line] : unsettled_) {
      line.outcome = "unreported";
      line.detail = "the server did not answer; the task runs again when its lease ends";
      put(std::move(line));
    }
    unsettled_.clear();
    closed_ = true;
    changed_.notify_one();
  }
  if (writer_.joinable()) writer_.join();
  return output_.finish();
}

void Report::began(const Task& task) {
  if (options_.quiet) return;
  const std::lock_guard lock(mutex_);
  unsettled_.emplace(task.lease->token, Line{.id = task.id,
                                             .type = task.type,
                                             .attempt = task.attempts,
                                             .began_at = steady_clock::now()});
}

void Report::ended(const Task& task) {
  const std::lock_guard lock(mutex_);
  const auto found = unsettled_.find(task.lease->token);
  if (found != unsettled_.end()) found->second.ended_at = steady_clock::now();
}

void Report::settled(const Settlement& sent, const Settled& answer) {
  const std::lock_guard lock(mutex_);
  const auto found = unsettled_.find(sent.lease_token);
  if (found == unsettled_.end()) return;  // given back before its program was started
  Line line = std::move(found->second);
  unsettled_.erase(found);
  line.outcome = word_for(sent, answer);
  if (answer.problem) {
    line.detail = answer.problem->detail;
  } else if (sent.op == SettleOp::fail) {
    line.detail = sent.error.message;
  }
  put(std::move(line));
}

void Report::put(Line line) {
  if (!line.ended_at) line.ended_at = steady_clock::now();
  lines_.push_back(std::move(line));
  changed_.notify_one();
}

void Report::write_until_closed() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return closed_ || !lines_.empty(); });
    if (lines_.empty()) return;
    Line line = std::move(lines_.front());
    lines_.pop_front();
    const bool may_look_up = lines_.size() < look_ups_waiting_max && !(closed_ && server_away_);
    lock.unlock();
    if (line.outcome == lost) line.detail = may_look_up ? what_became_of(line.id) : unknown_end;
    output_.write(text_of(line));
    lock.lock();
  }
}

std::string Report::text_of(const Line& line) const {
  const auto took = std::chrono::duration_cast<Duration>(*line.ended_at - line.began_at);
  if (options_.json) {
    std::string text;
    JsonWriter json(text);
    json.begin_object().key("id").string(line.id).key("type").string(line.type);
    json.key("attempt").number(line.attempt).key("outcome").string(line.outcome);
    if (!line.detail.empty()) json.key("detail").string(line.detail);
    json.key("duration_ms").number(std::int64_t{took.count()}).end_object();
    return one_line(std::move(text)) + "\n";
  }
  std::string outcome(line.outcome);
  if (!line.detail.empty()) outcome += ": " + line.detail;
  return printable(line.id) + "  " + printable(line.type) + "  attempt " +
         std::to_string(line.attempt) + "  " + shortened(outcome, 100) + " after " +
         duration_text(took) + "\n";
}

// The answer to a report that came too late does not say which it was.
std::string Report::what_became_of(const std::string& id) {
  try {
    const TaskState state = client_.get(id).state;
    server_away_ = false;
    if (state == TaskState::cancelled) return "cancelled";
    return "out of time, and now " + std::string(to_string(state));
  } catch (const ApiError& error) {
    server_away_ = error.code() == ErrorCode::unreachable;
    return error.code() == ErrorCode::task_not_found ? "the task is gone" : unknown_end;
  }
}

}  // namespace quern::cli
