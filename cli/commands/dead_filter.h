// Which dead tasks a command is about: the filters of the HTTP API, for list, redrive and discard.
#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "quern/client.h"

namespace quern::cli {

class DeadFlags {
 public:
  // --type, --reason, --error-type, --before, --limit.
  void add_to(CLI::App& app, const std::string& limit_description);
  void add_all(CLI::App& app);  // --all

  bool selects() const;   // by what a task is
  bool filtered() const;  // that, or --limit
  bool all() const { return filter_.all; }
  // Of `ids`, or of all that match; throws UsageError when neither is said.
  DeadFilter finish(std::vector<std::string> ids, const std::string& command);
  // Whether `task` is one of them; `limit` and `ids` are the caller's business.
  bool matches(const Task& task);
  std::optional<std::uint64_t> limit() const { return filter_.limit; }

 private:
  DeadFilter filter_;
  std::string reason_;
};

}  // namespace quern::cli
