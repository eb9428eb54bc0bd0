#include "shell/words.h"

namespace quern::cli {
namespace {

// "name:description", as _describe has it.
std::string described(std::string name, const std::string& description) {
  for (std::size_t at = 0; (at = name.find(':', at)) != std::string::npos; at += 2) {
    name.insert(at, "\\");
  }
  return quoted(name + ":" + description);
}

std::string words(const CommandModel& root) {
  std::string lines;
  for (const CommandModel* command : flattened(root)) {
    std::string commands;
    for (const CommandModel& child : command->commands) {
      commands += " " + described(child.name, child.description);
    }
    for (const std::string& choice : choices_at(*command)) commands += " " + quoted(choice);
    std::string options;
    for (const OptionModel& option : options_at(root, *command)) {
      for (const std::string& name : option.names) {
        options += " " + described(name, option.description);
      }
    }
    lines += "    " + quoted(command->path) + ")\n      children=(" + commands +
             " )\n      flags=(" + options + " )";
    if (takes_payload(*command)) lines += "\n      payload=1";
    if (takes_program(*command)) lines += "\n      program=1";
    lines += " ;;\n";
  }
  return lines;
}

// $commands and $options are zsh's own, and hiding them would break the completion of programs.
constexpr const char* body = R"(_qctl() {
  local at=qctl option= values= files= payload= program= word
  local -a children flags
  integer i
  for ((i = 2; i < CURRENT; ++i)); do
    word=${(Q)words[i]}
    if [[ -n $option ]]; then
      option=
    elif [[ $word == -- ]]; then
      _qctl_words "$at"
      [[ -n $program ]] || return 1
      words=("${(@)words[i+1,-1]}")
      ((CURRENT -= i))
      _normal
      return
    elif [[ $word == -* ]]; then
      [[ $word != *=* ]] && _qctl_option "$at" "$word" && option=$word
    else
      _qctl_step "$at" "$word"
    fi
  done
  values= files=
  if [[ -n $option ]]; then
    _qctl_option "$at" "$option"
  elif [[ $PREFIX == -*=* ]]; then
    _qctl_option "$at" "${PREFIX%%=*}"
    compset -P 1 '*='
  else
    _qctl_words "$at"
    if [[ -n $payload ]] && compset -P '@'; then
      _files
      return
    fi
    local found=1
    (($#children)) && _describe -t commands command children && found=0
    [[ $PREFIX == -* || $#children -eq 0 ]] && _describe -o -t options option flags && found=0
    return found
  fi
  if [[ -n $files ]]; then
    _files
  else
    compadd -- ${=values}
  fi
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _qctl "$@"
else
  compdef _qctl qctl
fi
)";

}  // namespace

std::string zsh_completions(const CommandModel& root) {
  return "#compdef qctl\n"
         "# zsh completion for qctl, written by: qctl completions zsh\n" +
         lookups(root, words(root)) + body;
}

}  // namespace quern::cli
