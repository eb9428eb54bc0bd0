// How a command is called, as --help and the manual page say it.
#pragma once

#include <string>
#include <vector>

#include "shell/model.h"

namespace quern::cli {

struct UsageWord {
  std::string text;
  bool literal = false;  // typed as it stands; else it stands for something
};

// "qctl work --queue QUEUE [OPTIONS] -- PROGRAM...": the options without which it is refused are
// named.
std::vector<UsageWord> usage_of(const CommandModel& command);

}  // namespace quern::cli
