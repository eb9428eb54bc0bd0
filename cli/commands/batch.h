// submit --batch: many tasks from a file of lines.
#pragma once

#include <string>

#include "session.h"

namespace quern::cli {

struct BatchOptions {
  std::string path;  // "-" is standard input
  std::string key_prefix = "batch";
  bool payloads = false;  // each line is a payload
  std::uint64_t from_line = 1;
};

// `defaults` is what the command line says of every task; `patience`: how long a server that is
// away or full is waited for.
ExitCode submit_batch(Session& session, const BatchOptions& options, const NewTask& defaults,
                      Duration patience);

}  // namespace quern::cli
