#include "help.h"

#include <CLI/Formatter.hpp>
#include <sstream>

#include "shell/usage.h"
#include "text.h"

namespace quern::cli {
namespace {

constexpr std::size_t width = 80;

}  // namespace

std::string HelpFormatter::make_usage(const CLI::App* app, std::string name) const {
  CommandModel model = model_of(*app);
  model.path = name;
  std::string line = "Usage:";
  for (const UsageWord& word : usage_of(model)) line += " " + word.text;
  return wrapped(line, width, "\n    ") + "\n";
}

std::string HelpFormatter::make_description(const CLI::App* app) const {
  return wrapped(app->get_description(), width) + "\n";
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

}  // namespace quern::cli
