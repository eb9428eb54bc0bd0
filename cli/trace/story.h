// What a trace says about a task, and about all of them, in words.
#pragma once

#include <string>
#include <vector>

#include "look.h"
#include "quern/task.h"

namespace quern::cli {

// "+1.204s" since the operation began; from an hour on "+1h02m03s".
std::string offset_text(Timestamp time, Timestamp start);

// "4 tasks: 1 dead, 3 succeeded".
std::string summary_text(const std::vector<Task>& tasks, const Look& look);
// "begun 3 min ago (…), done after 1.204s" once all tasks are finished.
std::string span_text(const std::vector<Task>& tasks, Timestamp now);

// "waited 54 ms, took 206 ms, 3 attempts": how the task fared until `now`.
std::string times_text(const Task& task, Timestamp now);

}  // namespace quern::cli
