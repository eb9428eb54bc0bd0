// `quernd backup list|verify|restore --from DIR`: what can be done with backups without a server.
//
// Errors   none thrown: a status and text. 0: done, or sound; 1: something is wrong with the
//          backup, or it could not be done; 2: wrong usage.
#pragma once

#include <string>
#include <vector>

#include "command_output.h"
#include "quern/protocol/timestamp.h"

namespace quern::server {

// `arguments` without "quernd backup". `now`: by the wall clock.
CommandOutput run_backup_command(const std::vector<std::string>& arguments, Timestamp now);

}  // namespace quern::server
