// Tasks as text: one in full, many as a table or as lines of JSON.
#pragma once

#include <iosfwd>
#include <string>

#include "look.h"
#include "quern/task.h"
#include "table.h"

namespace quern::cli {

void print_task(std::ostream& out, const Task& task, const Look& look);

// A list of tasks. `one_queue`: they are all of one, so that a narrow terminal need not name it.
Table tasks_table(bool one_queue);
void add_task_row(Table& table, const Task& task);

// "4 of 5"
std::string attempts_text(const Task& task);
// "Type: message", on one line.
std::string error_text(const TaskError& error);

}  // namespace quern::cli
