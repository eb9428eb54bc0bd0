#include "shell/model.h"

namespace quern::cli {
namespace {

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (std::size_t end = 0; end != std::string::npos; begin = end + 1) {
    end = text.find(separator, begin);
    parts.push_back(text.substr(begin, end == std::string::npos ? end : end - begin));
  }
  return parts;
}

OptionModel option_of(const CLI::Option& option) {
  OptionModel model{.description = option.get_description(),
                    .positional = option.get_positional(),
                    .required = option.get_required(),
                    .repeated = option.get_expected_max() >= CLI::detail::expected_max_vector_size};
  if (model.positional) {
    model.names = {option.get_name(true)};
  } else {
    for (const std::string& name : option.get_snames()) model.names.push_back("-" + name);
    for (const std::string& name : option.get_lnames()) model.names.push_back("--" + name);
  }
  if (option.get_type_size() != 0) model.value = option.get_type_name();
  if (model.value.find('|') != std::string::npos) model.choices = split(model.value, '|');
  return model;
}

CommandModel command_of(const CLI::App& app, const std::string& parent) {
  CommandModel model{.path = parent.empty() ? app.get_name() : parent + " " + app.get_name(),
                     .name = app.get_name(),
                     .description = app.get_description(),
                     .footer = app.get_footer()};
  for (const CLI::Option* option : app.get_options()) model.options.push_back(option_of(*option));
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    model.commands.push_back(command_of(*command, model.path));
  }
  return model;
}

void flatten(const CommandModel& command, std::vector<const CommandModel*>& out) {
  out.push_back(&command);
  for (const CommandModel& child : command.commands) flatten(child, out);
}

}  // namespace

CommandModel model_of(const CLI::App& app) { return command_of(app, ""); }

std::vector<const CommandModel*> flattened(const CommandModel& root) {
  std::vector<const CommandModel*> all;
  flatten(root, all);
  return all;
}

}  // namespace quern::cli
