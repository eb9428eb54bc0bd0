#include "quern/version.h"
#include "shell/model.h"

namespace quern::cli {
namespace {

// Text that roff takes literally: no escapes, no requests, ASCII hyphens.
std::string roff(const std::string& text) {
  std::string out;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
    line_begins = c == '\n';
  }
  return out;
}

// Running text as roff, in lines that people can read in the source, too; mandoc's lint asks
// for 80.
std::string paragraph(const std::string& text) {
  constexpr std::size_t columns_max = 72;
  std::string lines;
  std::size_t begin = 0;
  while (text.size() - begin > columns_max) {
    const std::size_t blank = text.rfind(' ', begin + columns_max);
    if (blank == std::string::npos || blank <= begin) break;  // one long word
    lines += text.substr(begin, blank - begin) + '\n';
    begin = blank + 1;
  }
  return roff(lines + text.substr(begin));
}

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of('\n');
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of('\n') + 1 - begin);
}

std::string option_entry(const OptionModel& option) {
  std::string names;
  for (const std::string& name : option.names) {
    names += (names.empty() ? "" : ", ") + ("\\fB" + roff(name) + "\\fR");
  }
  if (!option.value.empty() && !option.positional) names += " \\fI" + roff(option.value) + "\\fR";
  return ".TP\n" + names + "\n" + paragraph(option.description) + "\n";
}

std::string synopsis(const CommandModel& command) {
  std::string text = "\\fB" + roff(command.path) + "\\fR";
  if (!command.commands.empty()) text += " \\fICOMMAND\\fR";
  for (const OptionModel& option : command.options) {
    if (!option.positional) continue;
    const std::string name = "\\fI" + roff(option.names.front()) + "\\fR";
    text += option.required ? " " + name : " [" + name + "]";
  }
  return text + " [\\fIoptions\\fR]";
}

std::string literal(const std::string& text) { return ".nf\n" + roff(trimmed(text)) + "\n.fi\n"; }

std::string section(const CommandModel& command) {
  std::string out = ".SS " + roff(command.path) + "\n" + synopsis(command) + "\n.PP\n" +
                    paragraph(command.description + ".") + "\n";
  for (const OptionModel& option : command.options) {
    if (option.names.back() != "--help") out += option_entry(option);
  }
  if (!command.footer.empty()) out += ".PP\n" + literal(command.footer);
  return out;
}

}  // namespace

std::string manual_page(const CommandModel& root) {
  std::string out =
      ".TH QCTL 1 " QUERN_DATE " \"Quern " + std::string(version) + "\" \"User Commands\"\n";
  out += ".SH NAME\nqctl \\- " + roff("look at a Quern server and act on it") + "\n";
  out += ".SH SYNOPSIS\n" + synopsis(root) + "\n";
  out += ".SH DESCRIPTION\n" + paragraph(root.description) + "\n";
  out += ".SH OPTIONS\nEvery command takes these.\n";
  for (const OptionModel& option : root.options) out += option_entry(option);
  out += ".SH COMMANDS\n";
  for (const CommandModel* command : flattened(root)) {
    if (command != &root) out += section(*command);
  }
  out += ".SH NOTES\n" + literal(root.footer);
  return out;
}

}  // namespace quern::cli
