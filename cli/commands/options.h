// Option types that several commands have.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "look.h"
#include "quern/client.h"

namespace quern::cli {

// An option that takes a duration with a unit, such as 90s or 1h30m.
CLI::Option* add_duration(CLI::App& app, const std::string& name, std::optional<Duration>& value,
                          const std::string& description);
CLI::Option* add_duration(CLI::App& app, const std::string& name, Duration& value,
                          const std::string& description);
// An option that takes an RFC 3339 time.
CLI::Option* add_time(CLI::App& app, const std::string& name, std::optional<Timestamp>& value,
                      const std::string& description);
// An option that takes one of `choices`; --help and the completions name them.
CLI::Option* add_choice(CLI::App& app, const std::string& name, std::string& value,
                        const std::vector<std::string>& choices, const std::string& description);
// An option that takes a number; nan and inf are none.
CLI::Option* add_finite(CLI::App& app, const std::string& name, std::optional<double>& value,
                        const std::string& description);
// For check(): some text. An empty one comes from a shell variable that is not set, and must not
// silently mean that the option was not given.
CLI::Validator not_empty();
// For check(): a number that is more than 0.
CLI::Validator more_than_zero();
// For check(): a whole number from `least` to `most`.
CLI::Validator from_to(std::uint32_t least, std::uint32_t most);
// --patience, for commands that wait on purpose.
CLI::Option* add_patience(CLI::App& app, Duration& patience);
void add_colour(CLI::App& app, ColourWhen& when);
// -y, --yes
void add_yes(CLI::App& app, bool& yes);

// --limit, --cursor, --all.
struct PageFlags {
  PageOptions options;
  bool all = false;

  void add_to(CLI::App& app);
};

// Examples at the end of a command's --help.
void add_examples(CLI::App& app, const std::string& examples);

}  // namespace quern::cli
