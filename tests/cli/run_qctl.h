// Runs the real qctl.
#pragma once

#include <string>
#include <vector>

namespace quern::test {

struct QctlResult {
  int status = -1;
  std::string out;
  std::string err;
};

// `arguments` as the program gets them, no shell between. `input` is its standard input.
QctlResult run_qctl(const std::vector<std::string>& arguments, const std::string& input = "");

}  // namespace quern::test
