// `quernd token new`: makes a token for the file that --tokens names.
#pragma once

#include <string>
#include <vector>

#include "command_output.h"
#include "quern/protocol/timestamp.h"

namespace quern::server {

// Standard output gets the token and nothing else, standard error what to do with it.
// `arguments` begin behind "token". `now`: what a lifetime is counted from.
CommandOutput run_token_command(const std::vector<std::string>& arguments, Timestamp now);

}  // namespace quern::server
