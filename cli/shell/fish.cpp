#include "shell/words.h"

namespace quern::cli {
namespace {

std::string fish_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

// Lines of a switch "$path $word".
std::string fish_steps(const CommandModel& root) {
  std::string lines;
  for (const CommandModel* command : flattened(root)) {
    for (const CommandModel& child : command->commands) {
      lines += "        case " + fish_quoted(command->path + " " + child.name) +
               "\n          set path " + fish_quoted(child.path) + "\n";
    }
  }
  return lines;
}

// The options that a value follows, each with its command: "qctl queue set:--lease".
std::string with_values(const CommandModel& root) {
  std::string list;
  for (const CommandModel* command : flattened(root)) {
    for (const OptionModel& option : options_at(root, *command)) {
      if (option.value.empty()) continue;
      for (const std::string& name : option.names) {
        list += " \\\n  " + fish_quoted(command->path + ":" + name);
      }
    }
  }
  return list;
}

std::string entry(const std::string& at, const OptionModel& option) {
  std::string line = at;
  for (const std::string& name : option.names) {
    line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  }
  if (option.is_file()) {
    line += " -r -F";
  } else if (!option.choices.empty()) {
    line += " -x -a " + fish_quoted(joined(option.choices, " "));
  } else if (!option.value.empty()) {
    line += " -x";
  }
  return line + " -d " + fish_quoted(option.description) + "\n";
}

std::string entries(const CommandModel& root, const CommandModel& command) {
  const std::string at = "complete -c qctl -n " + fish_quoted("__qctl_at " + quoted(command.path));
  std::string lines;
  for (const CommandModel& child : command.commands) {
    lines += at + " -a " + child.name + " -d " + fish_quoted(child.description) + "\n";
  }
  for (const std::string& choice : choices_at(command)) lines += at + " -a " + choice + "\n";
  for (const OptionModel& option : options_at(root, command)) lines += entry(at, option);
  if (takes_payload(command)) lines += at + " -a '(__qctl_payload)'\n";
  if (takes_program(command)) {
    lines += "complete -c qctl -n " + fish_quoted("__qctl_at " + quoted(command.path + " --")) +
             " -a '(__qctl_program)'\n";
  }
  return lines;
}

constexpr const char* functions = R"(# The program behind -- and its arguments.
function __qctl_program
  set -l words (commandline -opc)
  set -l dashes (contains -i -- -- $words)
  set -l program (string escape -- $words[(math $dashes + 1)..-1]) (commandline -ct)
  complete -C (string join ' ' -- $program)
end
# A payload from a file: @FILE.
function __qctl_payload
  set -l word (commandline -ct)
  string match -q '@*' -- $word; or return
  for found in (__fish_complete_path (string sub -s 2 -- $word))
    echo "@$found"
  end
end
function __qctl_at
  test (__qctl_path) = "$argv[1]"
end
complete -c qctl -f
)";

}  // namespace

std::string fish_completions(const CommandModel& root) {
  std::string out =
      "# fish completion for qctl, written by: qctl completions fish\n"
      "set -g __qctl_with_values" +
      with_values(root) +
      "\n"
      "# The command that is being typed; with -- at its end when its options have ended.\n"
      "function __qctl_path\n"
      "  set -l path qctl\n"
      "  set -l option\n"
      "  for word in (commandline -opc)[2..-1]\n"
      "    if test -n \"$option\"\n"
      "      set option\n"
      "    else if test \"$word\" = --\n"
      "      set path \"$path --\"\n"
      "      break\n"
      "    else if contains -- \"$path:$word\" $__qctl_with_values\n"
      "      set option $word\n"
      "    else\n"
      "      switch \"$path $word\"\n" +
      fish_steps(root) +
      "      end\n"
      "    end\n"
      "  end\n"
      "  echo $path\n"
      "end\n" +
      functions;
  for (const CommandModel* command : flattened(root)) out += entries(root, *command);
  return out;
}

}  // namespace quern::cli
