// What a command of quernd that is no server (`quernd doctor`, `quernd token`) leaves behind.
#pragma once

#include <string>

namespace quern::server {

struct CommandOutput {
  int status = 0;      // of the process
  std::string output;  // for standard output
  std::string errors;  // for standard error
};

}  // namespace quern::server
