#include "shell/usage.h"

#include <cctype>

namespace quern::cli {
namespace {

// Of a value that is one of several the option's name: --state STATE.
std::string value_name(const OptionModel& option) {
  if (option.choices.empty()) return option.value;
  std::string name = option.names.back().substr(2);
  for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

}  // namespace

std::vector<UsageWord> usage_of(const CommandModel& command) {
  std::vector<UsageWord> words{{command.path, true}};
  for (const OptionModel& option : command.options) {
    if (option.positional || !option.required) continue;
    words.push_back({option.names.back(), true});
    words.push_back({value_name(option)});
  }
  words.push_back({"[OPTIONS]"});
  if (!command.commands.empty()) words.push_back({"COMMAND"});
  for (const OptionModel& option : command.options) {
    if (!option.positional) continue;
    if (option.is_program()) words.push_back({"--", true});
    const std::string name = (option.is_program() ? option.value : option.names.front()) +
                             (option.repeated ? "..." : "");
    words.push_back({option.required ? name : "[" + name + "]"});
  }
  return words;
}

}  // namespace quern::cli
