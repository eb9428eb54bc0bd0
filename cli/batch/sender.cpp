#include "batch/sender.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

namespace quern::cli {
namespace {

// One of the tasks may be to blame, and the others welcome.
bool is_about_a_task(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
    case ErrorCode::invalid_json:
    case ErrorCode::payload_too_large:
    case ErrorCode::idempotency_key_reused:
    case ErrorCode::forbidden:  // a queue that is not the token's
    case ErrorCode::queue_full:
    case ErrorCode::too_many_queues:
      return true;
    default:
      return false;
  }
}

constexpr std::string_view tasks_pointer = "/tasks/";

// The index in "/tasks/3/priority".
std::optional<std::size_t> index_in(std::string_view pointer) {
  if (!pointer.starts_with(tasks_pointer)) return std::nullopt;
  pointer.remove_prefix(tasks_pointer.size());
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(pointer.data(), pointer.data() + pointer.size(), index);
  const bool whole = end == pointer.data() + pointer.size() || *end == '/';
  return error == std::errc{} && whole ? std::optional(index) : std::nullopt;
}

std::optional<std::size_t> first_wrong(const Error& error, std::size_t count) {
  std::optional<std::size_t> first;
  for (const FieldError& field : error.fields) {
    const auto index = index_in(field.pointer);
    if (index && *index < count && (!first || *index < *first)) first = index;
  }
  return first;
}

// What is said of task `index`, with pointers into that task.
Error part_of(const Error& error, std::size_t index) {
  Error part{.code = error.code};
  for (const FieldError& field : error.fields) {
    if (index_in(field.pointer) != index) continue;
    const std::size_t rest = field.pointer.find('/', tasks_pointer.size());
    part.fields.push_back(
        {rest == std::string::npos ? "" : field.pointer.substr(rest), field.detail});
  }
  const FieldError& first = part.fields.front();
  part.detail = (first.pointer.empty() ? "the task" : first.pointer) + " " + first.detail;
  return part;
}

}  // namespace

Error at_line(Error error, std::uint64_t line) {
  error.detail = "line " + std::to_string(line) + ": " + error.detail;
  return error;
}

BatchSender::BatchSender(Client& client, BatchProgress& progress, Duration patience, Visitor visit)
    : client_(client),
      progress_(progress),
      patience_(patience, Patience::Clock::time_point::max(),
                [&progress](const auto& why) { progress.trouble(why); }),
      visit_(std::move(visit)) {}

void BatchSender::add(std::uint64_t line, NewTask task) {
  lines_.push_back(line);
  tasks_.push_back(std::move(task));
}

Result<void> BatchSender::send(std::uint64_t bytes) {
  Result<void> sent = send(Range{0, tasks_.size()}, bytes);
  tasks_.clear();
  lines_.clear();
  return sent;
}

Result<void> BatchSender::send(Range range, std::uint64_t bytes) {
  if (range.size() == 0) return Ok{};
  const Result<void> sent = send_whole(range, bytes);
  if (sent) return sent;
  const Error& error = sent.error();
  if (range.size() > 1 && is_about_a_task(error.code)) return send_around(range, error, bytes);
  const auto wrong = first_wrong(error, range.size());
  return of_line(wrong ? part_of(error, *wrong) : error, range.begin);
}

// What comes before the wrong task; where the server does not say which it is, by halves.
Result<void> BatchSender::send_around(Range range, const Error& error, std::uint64_t bytes) {
  const auto wrong = first_wrong(error, range.size());
  const std::size_t split = range.begin + wrong.value_or(range.size() / 2);
  if (auto before = send(Range{range.begin, split}, bytes); !before) return before;
  if (wrong) return of_line(part_of(error, *wrong), split);
  return send(Range{split, range.end}, bytes);
}

Result<void> BatchSender::send_whole(Range range, std::uint64_t bytes) {
  const auto at = [](auto& items, std::size_t index) {
    return items.begin() + static_cast<std::ptrdiff_t>(index);
  };
  progress_.wait_for_server();
  for (;;) {
    try {
      patience_.begin();
      const std::vector<Task> answers =
          client_.submit_batch({at(tasks_, range.begin), at(tasks_, range.end)});
      patience_.answered();
      count_ += range.size();
      last_line_ = lines_[range.end - 1];
      progress_.advance(range.size(), bytes, last_line_);
      for (const Task& task : answers) visit_(task);
      return Ok{};
    } catch (const ApiError& error) {
      // A queue with room for some takes a smaller batch; only one task has to wait for room.
      const bool divisible = error.code() == ErrorCode::queue_full && range.size() > 1;
      if (divisible || !patience_.pause_after(error)) return error.error();
    }
  }
}

Error BatchSender::of_line(Error error, std::size_t index) const {
  // Without an answer, or with one about the sender, no line is to blame.
  return is_about_a_task(error.code) ? at_line(std::move(error), lines_[index]) : error;
}

}  // namespace quern::cli
