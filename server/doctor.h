// `quernd doctor --data DIR`: is everything in a data directory as it must be? With --repair what
// is derived is rebuilt. It stands in quernd since only the server knows storage and engine; `qctl
// doctor` runs it.
//
// Errors   none thrown: a status and text. 0: sound (or sound after the repair); 1: findings are
//          left, or the store could not be looked at; 2: wrong usage.
#pragma once

#include <string>
#include <vector>

#include "command_output.h"

namespace quern::server {

// `arguments` without "quernd doctor".
CommandOutput run_doctor(const std::vector<std::string>& arguments);

}  // namespace quern::server
