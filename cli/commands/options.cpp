#include "commands/options.h"

#include "text.h"

namespace quern::cli {

CLI::Option* add_duration(CLI::App& app, const std::string& name, std::optional<Duration>& value,
                          const std::string& description) {
  return app
      .add_option_function<std::string>(
          name,
          [&value, name](const std::string& text) {
            value = parse_duration(text);
            if (!value) {
              throw CLI::ValidationError(
                  name, "\"" + text + "\" is no duration; write 500ms, 90s, 5m, 1h30m or 2d");
            }
          },
          description)
      ->type_name("DURATION");
}

CLI::Option* add_time(CLI::App& app, const std::string& name, std::optional<Timestamp>& value,
                      const std::string& description) {
  return app
      .add_option_function<std::string>(
          name,
          [&value, name](const std::string& text) {
            value = parse_rfc3339(text);
            if (!value) {
              throw CLI::ValidationError(name,
                                         "\"" + text + "\" is no time; write 2026-11-23T09:10:00Z");
            }
          },
          description)
      ->type_name("TIME");
}

void PageFlags::add_to(CLI::App& app) {
  app.add_option("--limit", options.limit, "How many to show at most (per page with --all)")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--cursor", options.cursor, "Go on where an earlier page ended");
  app.add_flag("--all", all, "All pages");
}

void add_examples(CLI::App& app, const std::string& examples) {
  app.footer("\nExamples:\n" + examples);
}

}  // namespace quern::cli
