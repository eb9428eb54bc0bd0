#include "trace/story.h"

#include <algorithm>
#include <map>

#include "confirm.h"
#include "quern/protocol/task_state.h"
#include "text.h"

namespace quern::cli {
namespace {

std::string two_digits(std::int64_t number) { return std::to_string(100 + number).substr(1); }

// What the task is doing now, or waiting for; nothing when it is finished.
std::string now_text(const Task& task, Timestamp now) {
  switch (task.state) {
    case TaskState::scheduled:
    case TaskState::retrying:
      return task.run_at ? "runs " + relative_text(*task.run_at, now) : "";
    case TaskState::ready:
      return "waiting for " + duration_text(now - task.created_at);
    case TaskState::running:
      return task.lease ? "with " + printable(task.lease->worker_id) : "";
    case TaskState::blocked:
      return "waits for other tasks";
    case TaskState::succeeded:
    case TaskState::dead:
    case TaskState::cancelled:
      return task.started_at ? "" : "not started";
  }
  return "";
}

}  // namespace

std::string offset_text(Timestamp time, Timestamp start) {
  constexpr std::int64_t hour = 3'600;
  const std::int64_t ms = std::max<std::int64_t>((time - start).count(), 0);
  const std::int64_t seconds = ms / 1'000;
  if (seconds >= hour) {
    return "+" + grouped(static_cast<std::uint64_t>(seconds / hour)) + "h" +
           two_digits(seconds % hour / 60) + "m" + two_digits(seconds % 60) + "s";
  }
  return "+" + std::to_string(seconds) + "." + std::to_string(1'000 + ms % 1'000).substr(1) + "s";
}

std::string summary_text(const std::vector<Task>& tasks, const Look& look) {
  std::map<TaskState, std::size_t> counts;
  for (const Task& task : tasks) ++counts[task.state];
  std::string text = tasks_text(tasks.size());
  char separator = ':';
  for (const TaskState state : task_states) {
    const auto found = counts.find(state);
    if (found == counts.end()) continue;
    text +=
        std::string(1, separator) + ' ' +
        look.paint(colour_of(state), grouped(found->second) + ' ' + std::string(to_string(state)));
    separator = ',';
  }
  return text;
}

std::string span_text(const std::vector<Task>& tasks, Timestamp now) {
  const Timestamp start = tasks.front().created_at;
  std::string text = "begun " + relative_text(start, now) + " (" + to_rfc3339(start) + ")";
  Timestamp end = start;
  for (const Task& task : tasks) {
    if (!task.finished_at) return text;
    end = std::max(end, *task.finished_at);
  }
  return text + ", done after " + offset_text(end, start).substr(1);
}

std::string times_text(const Task& task, Timestamp now) {
  std::vector<std::string> parts;
  if (task.started_at) {
    parts.push_back("waited " + duration_text(*task.started_at - task.created_at));
    if (task.finished_at) {
      parts.push_back("took " + duration_text(*task.finished_at - *task.started_at));
    } else if (task.state == TaskState::running) {
      parts.push_back("running for " + duration_text(now - *task.started_at));
    }
  }
  if (task.attempts > 1) parts.push_back(std::to_string(task.attempts) + " attempts");
  if (task.redrives != 0) {
    parts.push_back("redriven" + (task.redrives == 1
                                      ? std::string()
                                      : " " + std::to_string(task.redrives) + " times"));
  }
  parts.push_back(now_text(task, now));
  std::string text;
  for (const std::string& part : parts) {
    if (!part.empty()) text += (text.empty() ? "" : ", ") + part;
  }
  return text;
}

}  // namespace quern::cli
