#include <algorithm>

#include "exit_code.h"
#include "quern/version.h"
#include "shell/model.h"
#include "shell/usage.h"

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
  std::string text;
  for (const UsageWord& word : usage_of(command)) {
    text +=
        (text.empty() ? "" : " ") + ((word.literal ? "\\fB" : "\\fI") + roff(word.text)) + "\\fR";
  }
  return text;
}

std::string literal(const std::string& text) { return ".nf\n" + roff(trimmed(text)) + "\n.fi\n"; }

// The examples, without where else to look: here it is all on one page.
std::string without_hints(const std::string& footer) {
  return footer.substr(0, std::min(footer.rfind("\n\nqctl "), footer.find("\n\nExit status:")));
}

std::string section(const CommandModel& command) {
  std::string out = ".SS " + roff(command.path) + "\n" + synopsis(command) + "\n.PP\n" +
                    paragraph(command.description + ".") + "\n";
  for (const OptionModel& option : command.options) {
    if (option.names.back() != "--help") out += option_entry(option);
  }
  if (!command.footer.empty()) out += ".PP\n" + literal(without_hints(command.footer));
  return out;
}

struct Entry {
  std::string name;
  std::string text;
};

std::string entries(const std::string& title, const std::vector<Entry>& listed) {
  std::string out = ".SH " + title + "\n";
  for (const Entry& entry : listed) {
    out += ".TP\n\\fB" + roff(entry.name) + "\\fR\n" + paragraph(entry.text) + "\n";
  }
  return out;
}

std::string exit_status() {
  std::vector<Entry> listed;
  for (const ExitStatus& exit : exit_statuses) {
    listed.push_back({exit.status, std::string(exit.meaning) + "."});
  }
  return entries("EXIT STATUS", listed) + ".PP\n" +
         paragraph(
             "Where qctl has to put the terminal in order first, another signal ends it with "
             "128 and the signal's number.") +
         "\n";
}

std::string environment() {
  return entries(
      "ENVIRONMENT",
      {{"QUERN_SERVER", "Where the server is, unless --server or --profile say."},
       {"QUERN_PROFILE", "The profile to take, as --profile."},
       {"QUERN_TOKEN",
        "The token, unless --token-file or a profile's file has it. A profile's "
        "token goes only to the profile's server."},
       {"XDG_CONFIG_HOME", "Where quern/qctl.toml is looked for; else ~/.config."},
       {"NO_COLOR", "No colours, if it is set to anything; --color decides otherwise."},
       {"TERM", "A terminal that is called dumb, or nothing, gets no colours and no top."}});
}

std::string files() {
  return entries("FILES",
                 {{"~/.config/quern/qctl.toml", "Servers by name, as --profile takes them:"}}) +
         ".PP\n" +
         literal(
             "  default = \"local\"\n"
             "  [profiles.local]\n"
             "  server = \"http://127.0.0.1:7480\"\n"
             "  [profiles.production]\n"
             "  server = \"https://quern.example.com\"\n"
             "  token_file = \"production.token\"   # beside this file, absolute, or ~/...\n"
             "  ca_file = \"ca.pem\"\n");
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
  out += exit_status() + environment() + files();
  const std::string examples = without_hints(root.footer);
  out += ".SH EXAMPLES\n" + literal(examples.substr(examples.find(":\n") + 1));
  return out;
}

}  // namespace quern::cli
