// What can be typed where: the parts that the completions of all shells are made of.
#pragma once

#include <string>
#include <vector>

#include "shell/model.h"

namespace quern::cli {

std::string joined(const std::vector<std::string>& parts, const std::string& separator);
// One word of sh, bash and zsh.
std::string quoted(const std::string& text);

// The options of `command`, and those of the root, which every command takes.
std::vector<OptionModel> options_at(const CommandModel& root, const CommandModel& command);
// The values of its positionals, where they are known.
std::vector<std::string> choices_at(const CommandModel& command);
// Whether it takes a payload, which may be @FILE.
bool takes_payload(const CommandModel& command);
// Whether it takes a program and its arguments behind --.
bool takes_program(const CommandModel& command);

// Lines of a `case "$1 $2" in` of bash and zsh, which say where the word $2 leads from the command
// $1, as `at=…`.
std::string steps(const CommandModel& root);
// Lines of a `case "$1:$2" in` of bash and zsh, which say what follows the option $2 of the command
// $1: `files=1`, or `values=…`, which are empty when it can be anything.
std::string option_values(const CommandModel& root);

}  // namespace quern::cli
