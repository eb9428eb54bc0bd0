// What a program that `qctl work` runs has in its environment.
#pragma once

#include <string>
#include <vector>

#include "connection.h"
#include "quern/worker.h"

namespace quern::cli {

// "NAME=value" each: this process's, without any QUERN_…, and the QUERN_… of the task and of the
// server that it came from; the token only if `pass_token`.
std::vector<std::string> environment_for(const Task& task, const Connection& connection,
                                         bool pass_token);

}  // namespace quern::cli
