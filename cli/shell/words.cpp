#include "shell/words.h"

#include <algorithm>

namespace quern::cli {
namespace {

bool takes(const CommandModel& command, bool (OptionModel::*is)() const) {
  return std::any_of(
      command.options.begin(), command.options.end(),
      [&](const OptionModel& option) { return option.positional && (option.*is)(); });
}

}  // namespace

std::string joined(const std::vector<std::string>& parts, const std::string& separator) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : separator) + part;
  return out;
}

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::vector<OptionModel> options_at(const CommandModel& root, const CommandModel& command) {
  std::vector<OptionModel> options;
  const auto add = [&](const CommandModel& from) {
    for (const OptionModel& option : from.options) {
      const bool known = std::any_of(options.begin(), options.end(), [&](const OptionModel& other) {
        return other.names.back() == option.names.back();
      });
      const bool elsewhere = option.names.back() == "--version" && &command != &root;
      if (!option.positional && !known && !elsewhere) options.push_back(option);
    }
  };
  add(command);
  add(root);
  return options;
}

std::vector<std::string> choices_at(const CommandModel& command) {
  std::vector<std::string> found;
  for (const OptionModel& option : command.options) {
    if (option.positional) {
      found.insert(found.end(), option.choices.begin(), option.choices.end());
    }
  }
  return found;
}

bool takes_payload(const CommandModel& command) { return takes(command, &OptionModel::is_payload); }
bool takes_program(const CommandModel& command) { return takes(command, &OptionModel::is_program); }

namespace {

std::string steps(const CommandModel& root) {
  std::string lines;
  for (const CommandModel* command : flattened(root)) {
    for (const CommandModel& child : command->commands) {
      lines += "    " + quoted(command->path + " " + child.name) + ") at=" + quoted(child.path) +
               " ;;\n";
    }
  }
  return lines;
}

std::string option_values(const CommandModel& root) {
  std::string lines;
  for (const CommandModel* command : flattened(root)) {
    for (const OptionModel& option : options_at(root, *command)) {
      if (option.value.empty()) continue;
      std::vector<std::string> patterns;
      for (const std::string& name : option.names) {
        patterns.push_back(quoted(command->path + ":" + name));
      }
      lines += "    " + joined(patterns, "|") + ") " +
               (option.is_file() ? "files=1" : "values=" + quoted(joined(option.choices, " "))) +
               " ;;\n";
    }
  }
  return lines;
}

}  // namespace

std::string lookups(const CommandModel& root, const std::string& words) {
  return "_qctl_step() {\n"
         "  case \"$1 $2\" in\n" +
         steps(root) +
         "  esac\n"
         "}\n"
         "# Whether a value follows the option.\n"
         "_qctl_option() {\n"
         "  case \"$1:$2\" in\n" +
         option_values(root) +
         "    *) return 1 ;;\n"
         "  esac\n"
         "}\n"
         "_qctl_words() {\n"
         "  case \"$1\" in\n" +
         words +
         "  esac\n"
         "}\n";
}

}  // namespace quern::cli
