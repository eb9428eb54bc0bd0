// The command line or the configuration makes no sense, for a reason that the parser cannot know.
#pragma once

#include <stdexcept>

namespace quern::cli {

class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace quern::cli
