// Whether there is a program to run.
#pragma once

#include <string>

namespace quern::cli {

// Whether `program` is a file that may be run, by its path or in PATH. That its interpreter is
// there shows only when it is started.
bool can_run(const std::string& program);

}  // namespace quern::cli
