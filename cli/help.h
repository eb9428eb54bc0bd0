// How --help looks.
#pragma once

#include <CLI/App.hpp>
#include <string>

namespace quern::cli {

// CLI11's own, but for the line of usage, which alone says what is required and what may be
// repeated; without what only the parser needs to know of a value; broken at 80 columns.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App* app, std::string name) const override;
  std::string make_description(const CLI::App* app) const override;
  std::string make_footer(const CLI::App* app) const override;
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override;
  std::string make_option_opts(const CLI::Option* option) const override;
  std::string make_option_desc(const CLI::Option* option) const override;
  std::string make_subcommand(const CLI::App* command) const override;
};

// "qctl work --queue QUEUE [OPTIONS] -- PROGRAM...": how to call the command that was named last.
std::string usage_text(const CLI::App& root);

}  // namespace quern::cli
