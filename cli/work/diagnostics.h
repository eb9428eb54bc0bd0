// What goes to standard error while `qctl work` runs: its own words, and those of its programs.
//
// Threads  any; nobody waits for who reads it (stream_writer.h).
#pragma once

#include <string>
#include <string_view>

#include "work/stream_writer.h"

namespace quern::cli {

class Diagnostics {
 public:
  explicit Diagnostics(bool json);

  // As print_failure() does.
  void say(std::string_view code, const std::string& detail);
  // What a program wrote, as it is.
  void pass_on(std::string_view bytes) { writer_.write(std::string(bytes)); }

 private:
  const bool json_;
  StreamWriter writer_;
};

}  // namespace quern::cli
