#include "work/report.h"

#include <iostream>
#include <utility>

#include "quern/errors.h"
#include "quern/protocol/json_writer.h"
#include "session.h"
#include "text.h"

namespace quern::cli {
namespace {

using std::chrono::steady_clock;

constexpr std::string_view lost = "lost";

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

Report::Report(Client& client, ReportOptions options)
    : client_(client), options_(options), writer_([this] { write_until_closed(); }) {}

Report::~Report() {
  {
    const std::lock_guard lock(mutex_);
    for (auto& [token, line] : unsettled_) {
      line.outcome = "unreported";
      line.detail = "the server did not answer; the task runs again when its lease ends";
      put(std::move(line));
    }
    closed_ = true;
    changed_.notify_one();
  }
  writer_.join();
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
    lock.unlock();
    write(std::move(line));
    lock.lock();
  }
}

void Report::write(Line line) {
  if (line.outcome == lost) line.detail = what_became_of(line.id);
  const auto took = std::chrono::duration_cast<Duration>(*line.ended_at - line.began_at);
  if (options_.json) {
    std::string text;
    JsonWriter json(text);
    json.begin_object().key("id").string(line.id).key("type").string(line.type);
    json.key("attempt").number(line.attempt).key("outcome").string(line.outcome);
    if (!line.detail.empty()) json.key("detail").string(line.detail);
    json.key("duration_ms").number(std::int64_t{took.count()}).end_object();
    std::cout << one_line(std::move(text)) << std::endl;
    return;
  }
  std::string outcome(line.outcome);
  if (!line.detail.empty()) outcome += ": " + line.detail;
  std::cout << printable(line.id) << "  " << printable(line.type) << "  attempt " << line.attempt
            << "  " << shortened(outcome, 100) << " after " << duration_text(took) << std::endl;
}

// The answer to a report that came too late does not say which it was.
std::string Report::what_became_of(const std::string& id) {
  try {
    const TaskState state = client_.get(id).state;
    if (state == TaskState::cancelled) return "cancelled";
    return "out of time, and now " + std::string(to_string(state));
  } catch (const ApiError& error) {
    return error.code() == ErrorCode::task_not_found ? "the task is gone"
                                                     : "cancelled, or out of time";
  }
}

}  // namespace quern::cli
