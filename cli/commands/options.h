// Option types that several commands have.
#pragma once

#include <CLI/App.hpp>
#include <optional>
#include <string>

#include "quern/client.h"

namespace quern::cli {

// An option that takes a duration with a unit, such as 90s or 1h30m.
CLI::Option* add_duration(CLI::App& app, const std::string& name, std::optional<Duration>& value,
                          const std::string& description);
// An option that takes an RFC 3339 time.
CLI::Option* add_time(CLI::App& app, const std::string& name, std::optional<Timestamp>& value,
                      const std::string& description);

// --limit, --cursor, --all-pages.
struct PageFlags {
  PageOptions options;
  bool all = false;

  void add_to(CLI::App& app);
};

// Examples at the end of a command's --help.
void add_examples(CLI::App& app, const std::string& examples);

}  // namespace quern::cli
