// One table for three shells: what can follow each command, and what each option takes.
#include <algorithm>

#include "shell/model.h"

namespace quern::cli {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string fish_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string joined(const std::vector<std::string>& parts, const std::string& separator) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : separator) + part;
  return out;
}

// Options that every command takes are those of the root.
std::vector<OptionModel> options_at(const CommandModel& root, const CommandModel& command) {
  std::vector<OptionModel> options;
  const auto add = [&](const CommandModel& from) {
    for (const OptionModel& option : from.options) {
      const bool known = std::any_of(options.begin(), options.end(), [&](const OptionModel& other) {
        return other.names.back() == option.names.back();
      });
      if (!option.positional && !known && option.names.back() != "--version") {
        options.push_back(option);
      }
    }
  };
  add(command);
  add(root);
  return options;
}

std::vector<const OptionModel*> positional_choices(const CommandModel& command) {
  std::vector<const OptionModel*> found;
  for (const OptionModel& option : command.options) {
    if (option.positional && !option.choices.empty()) found.push_back(&option);
  }
  return found;
}

std::vector<std::string> words_at(const CommandModel& root, const CommandModel& command) {
  std::vector<std::string> words;
  for (const CommandModel& child : command.commands) words.push_back(child.name);
  for (const OptionModel* option : positional_choices(command)) {
    words.insert(words.end(), option->choices.begin(), option->choices.end());
  }
  for (const OptionModel& option : options_at(root, command)) {
    words.insert(words.end(), option.names.begin(), option.names.end());
  }
  return words;
}

// case "$path:$previous" in … for the values of options, then case "$path" in … for words.
std::string case_tables(const CommandModel& root, const std::string& indent) {
  std::string values;
  std::string words;
  for (const CommandModel* command : flattened(root)) {
    for (const OptionModel& option : options_at(root, *command)) {
      if (option.value.empty()) continue;
      std::vector<std::string> patterns;
      for (const std::string& name : option.names) {
        patterns.push_back(quoted(command->path + ":" + name));
      }
      values += indent + joined(patterns, "|") + ") ";
      values += option.is_file() ? "files=1" : "words=" + quoted(joined(option.choices, " "));
      values += "; known=1 ;;\n";
    }
    words += indent + quoted(command->path) +
             ") words=" + quoted(joined(words_at(root, *command), " ")) + " ;;\n";
  }
  return "  case \"$path:$previous\" in\n" + values +
         "  esac\n  if [[ -z $known ]]; then\n    case \"$path\" in\n" + words + "    esac\n  fi\n";
}

// Follows the words typed so far down the tree.
std::string case_steps(const CommandModel& root) {
  std::string steps;
  for (const CommandModel* command : flattened(root)) {
    for (const CommandModel& child : command->commands) {
      steps += "      " + quoted(command->path + " " + child.name) +
               ") path=" + quoted(child.path) + " ;;\n";
    }
  }
  return steps;
}

}  // namespace

std::string bash_completions(const CommandModel& root) {
  return "# bash completion for qctl, written by: qctl completions bash\n"
         "_qctl() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
         "  local path=qctl known= files= words= word\n"
         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
         "    [[ $word == -- ]] && { COMPREPLY=($(compgen -c -f -- \"$current\")); return; }\n"
         "    case \"$path $word\" in\n" +
         case_steps(root) +
         "    esac\n"
         "  done\n" +
         case_tables(root, "    ") +
         "  COMPREPLY=()\n"
         "  [[ -n $words ]] && COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
         "  [[ -n $files ]] && COMPREPLY=($(compgen -f -- \"$current\"))\n"
         "  return 0\n"
         "}\n"
         "complete -o filenames -F _qctl qctl\n";
}

std::string zsh_completions(const CommandModel& root) {
  return "#compdef qctl\n"
         "# zsh completion for qctl, written by: qctl completions zsh\n"
         "_qctl() {\n"
         "  local previous=${words[CURRENT-1]} path=qctl known= files= word\n"
         "  local -a typed=(\"${(@)words[2,CURRENT-1]}\")\n"
         "  local words=\n"
         "  for word in \"${typed[@]}\"; do\n"
         "    [[ $word == -- ]] && { _files; return; }\n"
         "    case \"$path $word\" in\n" +
         case_steps(root) +
         "    esac\n"
         "  done\n" +
         case_tables(root, "    ") +
         "  [[ -n $files ]] && { _files; return; }\n"
         "  compadd -- ${=words}\n"
         "}\n"
         "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n"
         "  _qctl \"$@\"\n"
         "else\n"
         "  compdef _qctl qctl\n"
         "fi\n";
}

std::string fish_completions(const CommandModel& root) {
  std::string out =
      "# fish completion for qctl, written by: qctl completions fish\n"
      "function __qctl_path\n"
      "  set -l path qctl\n"
      "  for word in (commandline -opc)[2..-1]\n"
      "    switch \"$path $word\"\n";
  for (const CommandModel* command : flattened(root)) {
    for (const CommandModel& child : command->commands) {
      out += "      case " + fish_quoted(command->path + " " + child.name) + "\n        set path " +
             fish_quoted(child.path) + "\n";
    }
  }
  out +=
      "    end\n"
      "  end\n"
      "  echo $path\n"
      "end\n"
      "function __qctl_at\n"
      "  test (__qctl_path) = \"$argv[1]\"\n"
      "end\n"
      "complete -c qctl -f\n";
  for (const CommandModel* command : flattened(root)) {
    const std::string at =
        "complete -c qctl -n " + fish_quoted("__qctl_at " + quoted(command->path));
    for (const CommandModel& child : command->commands) {
      out += at + " -a " + child.name + " -d " + fish_quoted(child.description) + "\n";
    }
    for (const OptionModel* option : positional_choices(*command)) {
      out += at + " -a " + fish_quoted(joined(option->choices, " ")) + "\n";
    }
    for (const OptionModel& option : options_at(root, *command)) {
      out += at;
      for (const std::string& name : option.names) {
        out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (option.is_file()) {
        out += " -r -F";
      } else if (!option.choices.empty()) {
        out += " -x -a " + fish_quoted(joined(option.choices, " "));
      } else if (!option.value.empty()) {
        out += " -x";
      }
      out += " -d " + fish_quoted(option.description) + "\n";
    }
  }
  return out;
}

}  // namespace quern::cli
