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

// The functions that bash and zsh look things up with:
//   _qctl_step COMMAND WORD      sets `at`: where the word leads from the command
//   _qctl_option COMMAND OPTION  sets `files=1`, or `values`, which are empty when it can be
//                                anything; fails when no value follows the option
//   _qctl_words COMMAND          what can follow: `words` are the lines of its `case "$1" in`
std::string lookups(const CommandModel& root, const std::string& words);

}  // namespace quern::cli
