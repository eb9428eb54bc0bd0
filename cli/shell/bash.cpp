#include "shell/words.h"

namespace quern::cli {
namespace {

// case "$1" in …: all that can follow the command $1.
std::string words(const CommandModel& root) {
  std::string lines;
  for (const CommandModel* command : flattened(root)) {
    std::vector<std::string> words = choices_at(*command);
    for (const CommandModel& child : command->commands) words.push_back(child.name);
    for (const OptionModel& option : options_at(root, *command)) {
      words.insert(words.end(), option.names.begin(), option.names.end());
    }
    lines += "    " + quoted(command->path) + ") values=" + quoted(joined(words, " ")) + " ;;\n";
  }
  return lines;
}

std::string paths(const CommandModel& root, bool (*holds)(const CommandModel&)) {
  std::vector<std::string> found;
  for (const CommandModel* command : flattened(root)) {
    if (holds(*command)) found.push_back(quoted(command->path));
  }
  return joined(found, "|");
}

// Bash cuts words at each of COMP_WORDBREAKS, among them = : and @, and wants as an answer only
// what replaces $2, the last piece. So the words are put together first, and what stands before
// that piece is taken off the answers. A test that calls the function may leave out $2 and
// COMP_LINE.
constexpr const char* body = R"(_qctl() {
  local at=qctl option= values= files= lead= value= current= word rest=$COMP_LINE i
  local piece=${2-${COMP_WORDS[COMP_CWORD]}}
  local -a typed=()
  for ((i = 0; i <= COMP_CWORD; ++i)); do
    word=${COMP_WORDS[i]}
    if ((i > 0)) && [[ -n $word && ($rest == "$word"* || -z $COMP_LINE && $word == =*) ]]; then
      typed[${#typed[@]} - 1]+=$word
    else
      typed+=("$word")
    fi
    rest=${rest#*"$word"}
  done
  COMPREPLY=()
  for word in "${typed[@]:1:${#typed[@]} - 2}"; do
    if [[ -n $option ]]; then
      option=
    elif [[ $word == -- ]]; then
      _qctl_takes_program "$at" && _qctl_program
      return 0
    elif [[ $word == -* ]]; then
      [[ $word != *=* ]] && _qctl_option "$at" "$word" && option=$word
    else
      _qctl_step "$at" "$word"
    fi
  done
  current=${typed[${#typed[@]} - 1]}
  value=$current values= files=
  if [[ -n $option ]]; then
    _qctl_option "$at" "$option"
  elif [[ $current == -*=* ]]; then
    lead=${current%%=*}= value=${current#*=}
    _qctl_option "$at" "${current%%=*}"
  elif [[ $current == @* ]] && _qctl_takes_payload "$at"; then
    lead=@ value=${current#@} files=1
  else
    _qctl_words "$at"
  fi
  [[ $piece == [=:] ]] && piece=
  local IFS=$'\n'
  if [[ -n $files ]]; then
    compopt -o filenames 2> /dev/null
    COMPREPLY=($(compgen -P "$lead" -f -- "$value"))
  elif [[ -n $values ]]; then
    COMPREPLY=($(compgen -P "$lead" -W "${values// /$'\n'}" -- "$value"))
  fi
  COMPREPLY=("${COMPREPLY[@]#"${current%"$piece"}"}")
  return 0
}
# The program behind -- and its arguments.
_qctl_program() {
  local i=1
  while [[ ${COMP_WORDS[i]} != -- ]]; do ((++i)); done
  if declare -F _command_offset > /dev/null; then
    _command_offset $((i + 1))
    return
  fi
  local IFS=$'\n' kind=-f
  ((COMP_CWORD == i + 1)) && kind=-c
  compopt -o filenames 2> /dev/null
  COMPREPLY=($(compgen $kind -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _qctl qctl
)";

}  // namespace

std::string bash_completions(const CommandModel& root) {
  return "# bash completion for qctl, written by: qctl completions bash\n" +
         lookups(root, words(root)) + "_qctl_takes_program() { case \"$1\" in " +
         paths(root, takes_program) +
         ") ;; *) return 1 ;; esac; }\n"
         "_qctl_takes_payload() { case \"$1\" in " +
         paths(root, takes_payload) + ") ;; *) return 1 ;; esac; }\n" + body;
}

}  // namespace quern::cli
