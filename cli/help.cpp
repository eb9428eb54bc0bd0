#include "help.h"

#include <CLI/Formatter.hpp>
#include <set>
#include <sstream>

#include "shell/usage.h"
#include "text.h"

namespace quern::cli {
namespace {

constexpr std::size_t width = 80;

std::string usage_line(const CLI::App& app, const std::string& path) {
  CommandModel model = model_of(app);
  model.path = path;
  std::string line;
  for (const UsageWord& word : usage_of(model)) line += (line.empty() ? "" : " ") + word.text;
  return line;
}

bool is_program(const CLI::Option& option) { return option.get_type_name() == "PROGRAM"; }

// " Excludes: --batch"
std::string relations(const std::string& word, const std::set<CLI::Option*>& others) {
  if (others.empty()) return "";
  std::string text = " " + word + ":";
  for (const CLI::Option* other : others) text += " " + other->get_name();
  return text;
}

}  // namespace

std::string HelpFormatter::make_usage(const CLI::App* app, std::string name) const {
  return wrapped("Usage: " + usage_line(*app, name), width, "\n    ") + "\n";
}

std::string HelpFormatter::make_description(const CLI::App* app) const {
  return wrapped(app->get_description(), width) + "\n";
}

// CLI11 puts a blank line before it.
std::string HelpFormatter::make_footer(const CLI::App* app) const {
  std::string footer = app->get_footer();
  footer.erase(0, footer.find_first_not_of('\n'));
  return footer.empty() ? footer : footer + "\n";
}

// Of a positional as the usage has it.
std::string HelpFormatter::make_option_name(const CLI::Option* option, bool is_positional) const {
  if (!is_positional) return CLI::Formatter::make_option_name(option, false);
  const bool repeated = option->get_expected_max() >= CLI::detail::expected_max_vector_size;
  return (is_program(*option) ? option->get_type_name() : option->get_name(true)) +
         (repeated ? "..." : "");
}

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  std::string text;
  const std::string type = option->get_type_size() == 0 ? "" : option->get_type_name();
  // That a positional is text goes without saying.
  const bool is_said = option->get_positional() && (type == "TEXT" || is_program(*option));
  if (!type.empty() && !is_said) text += " " + type;
  if (!option->get_envname().empty()) text += " (or " + option->get_envname() + ")";
  return text + relations("Needs", option->get_needs()) +
         relations("Excludes", option->get_excludes());
}

std::string HelpFormatter::make_option_desc(const CLI::Option* option) const {
  return wrapped(option->get_description(), width - get_column_width());
}

std::string HelpFormatter::make_subcommand(const CLI::App* command) const {
  std::stringstream out;
  CLI::detail::format_help(out, command->get_name(),
                           wrapped(command->get_description(), width - get_column_width()),
                           get_column_width());
  return out.str();
}

std::string usage_text(const CLI::App& root) {
  std::string path = root.get_name();
  const CLI::App* command = &root;
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().back();
    path += " " + command->get_name();
  }
  return usage_line(*command, path);
}

}  // namespace quern::cli
