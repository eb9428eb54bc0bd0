// One line of a batch file: a task as POST /tasks takes it.
#pragma once

#include <string>

#include "quern/protocol/result.h"
#include "quern/task.h"

namespace quern::cli {

// Reads `line` over `task`, which holds what the command line said. Fields are those of the HTTP
// API; `type` is required in one of the two places.
//   invalid_json, invalid_argument  with the field's pointer
Result<void> read_line_task(const std::string& line, NewTask& task);

}  // namespace quern::cli
