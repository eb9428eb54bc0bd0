// The command tree as plain data: what the manual page and the completions are written from.
#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

namespace quern::cli {

struct OptionModel {
  std::vector<std::string> names;  // "-q", "--queue"; of a positional its name
  std::string description;
  std::string value;                 // how --help names its value; empty: a flag
  std::vector<std::string> choices;  // the values it takes; empty: any
  bool positional = false;
  bool required = false;
  bool repeated = false;  // takes as many as are given

  bool is_file() const { return value == "FILE"; }
  bool is_payload() const { return value == "JSON/@FILE/-"; }
  bool is_program() const { return value == "PROGRAM"; }
};

struct CommandModel {
  std::string path;  // "qctl queue set"
  std::string name;
  std::string description;
  std::string footer;  // examples
  std::vector<OptionModel> options;
  std::vector<CommandModel> commands;
};

CommandModel model_of(const CLI::App& app);
// `root` and all below it, parents first.
std::vector<const CommandModel*> flattened(const CommandModel& root);

// A script for the shell to source.
std::string bash_completions(const CommandModel& root);
std::string zsh_completions(const CommandModel& root);
std::string fish_completions(const CommandModel& root);
// The manual page qctl(1), in the man macros.
std::string manual_page(const CommandModel& root);

}  // namespace quern::cli
