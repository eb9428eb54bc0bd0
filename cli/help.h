// How --help looks.
#pragma once

#include <CLI/App.hpp>
#include <string>

namespace quern::cli {

// CLI11's own, but for the line of usage, and broken at 80 columns.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App* app, std::string name) const override;
  std::string make_description(const CLI::App* app) const override;
  std::string make_option_desc(const CLI::Option* option) const override;
  std::string make_subcommand(const CLI::App* command) const override;
};

}  // namespace quern::cli
