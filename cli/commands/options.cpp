#include "commands/options.h"

#include <cmath>
#include <map>

#include "text.h"

namespace quern::cli {
namespace {

Duration duration_or_throw(const std::string& name, const std::string& text) {
  if (const auto duration = parse_duration(text)) return *duration;
  throw CLI::ValidationError(name,
                             "\"" + text + "\" is no duration; write 500ms, 90s, 5m, 1h30m or 2d");
}

template <typename Value>
CLI::Option* add_duration_to(CLI::App& app, const std::string& name, Value& value,
                             const std::string& description) {
  return app
      .add_option_function<std::string>(
          name, [&value, name](const std::string& text) { value = duration_or_throw(name, text); },
          description)
      ->type_name("DURATION");
}

}  // namespace

CLI::Option* add_duration(CLI::App& app, const std::string& name, std::optional<Duration>& value,
                          const std::string& description) {
  return add_duration_to(app, name, value, description);
}

CLI::Option* add_duration(CLI::App& app, const std::string& name, Duration& value,
                          const std::string& description) {
  return add_duration_to(app, name, value, description);
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

CLI::Option* add_finite(CLI::App& app, const std::string& name, std::optional<double>& value,
                        const std::string& description) {
  return app
      .add_option_function<double>(
          name,
          [&value, name](double number) {
            if (!std::isfinite(number)) throw CLI::ValidationError(name, "must be a finite number");
            value = number;
          },
          description)
      ->type_name("NUMBER");
}

CLI::Validator not_empty() {
  return {[](const std::string& text) {
            return text.empty() ? std::string("must not be empty") : std::string();
          },
          ""};
}

CLI::Validator more_than_zero() {
  return {[](const std::string& text) {
            double number = 0;
            const bool positive = CLI::detail::lexical_cast(text, number) && number > 0;
            return positive ? std::string() : "\"" + text + "\" is not a number above 0";
          },
          ""};
}

CLI::Validator from_to(std::uint32_t least, std::uint32_t most) {
  return {[least, most](const std::string& text) {
            std::uint32_t number = 0;
            const bool fits =
                CLI::detail::lexical_cast(text, number) && number >= least && number <= most;
            return fits ? std::string()
                        : "\"" + text + "\" is no whole number from " + std::to_string(least) +
                              " to " + std::to_string(most);
          },
          ""};
}

CLI::Option* add_choice(CLI::App& app, const std::string& name, std::string& value,
                        const std::vector<std::string>& choices, const std::string& description) {
  std::string joined;
  for (const std::string& choice : choices) joined += (joined.empty() ? "" : "|") + choice;
  const CLI::Validator is_choice(
      [choices, joined](const std::string& text) {
        const bool known = std::find(choices.begin(), choices.end(), text) != choices.end();
        return known ? std::string() : "\"" + text + "\" is none of " + joined;
      },
      "");
  return app.add_option(name, value, description)->check(is_choice)->type_name(joined);
}

CLI::Option* add_patience(CLI::App& app, Duration& patience) {
  return add_duration(
      app, "--patience", patience,
      "How long to wait for a server that is away, starting again or full (default: " +
          exact_text(patience) + ")");
}

void add_colour(CLI::App& app, ColourWhen& when) {
  static const std::map<std::string, ColourWhen> names{{"auto", ColourWhen::automatic},
                                                       {"always", ColourWhen::always},
                                                       {"never", ColourWhen::never}};
  app.add_option_function<std::string>(
         "--color",
         [&when](const std::string& text) {
           const auto found = names.find(text);
           if (found == names.end()) {
             throw CLI::ValidationError("--color", "\"" + text + "\" is none of auto|always|never");
           }
           when = found->second;
         },
         "When to use colours (default: auto, on a terminal unless NO_COLOR is set)")
      ->type_name("auto|always|never");
}

void add_yes(CLI::App& app, bool& yes) { app.add_flag("-y,--yes", yes, "Do not ask"); }

void PageFlags::add_to(CLI::App& app) {
  app.add_option("--limit", options.limit,
                 "How many to show at most, per page with --all (1 to 1000; default: " +
                     std::to_string(options.limit) + ")")
      ->check(from_to(1, 1000))
      ->type_name("NUMBER");
  app.add_option("--cursor", options.cursor, "Go on where an earlier page ended")
      ->type_name("CURSOR");
  app.add_flag("--all", all, "All pages");
}

void add_examples(CLI::App& app, const std::string& examples) {
  app.footer("\nExamples:\n" + examples +
             "\nqctl --help has the options that all commands share, and the exit status.");
}

}  // namespace quern::cli
