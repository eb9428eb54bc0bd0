// Tasks as text: one in full, many as a table or as lines of JSON.
#pragma once

#include <iosfwd>
#include <vector>

#include "look.h"
#include "quern/task.h"

namespace quern::cli {

void print_task(std::ostream& out, const Task& task, const Look& look);
void print_tasks(std::ostream& out, const std::vector<Task>& tasks, const Look& look);

// "4 of 5"
std::string attempts_text(const Task& task);
// "Type: message", on one line.
std::string error_text(const TaskError& error);

}  // namespace quern::cli
