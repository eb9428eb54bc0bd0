#include "config.h"

#include <toml++/toml.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

#include "settings.h"

namespace quern::server {
namespace {

struct Given {
  std::string text;
  std::string source;  // as in "--listen" or "quern.toml: listen"
};
using GivenSettings = std::map<std::string, Given, std::less<>>;

Error unfit(std::string detail) {
  return Error{.code = ErrorCode::invalid_argument, .detail = std::move(detail)};
}

// --- the command line ---------------------------------------------------------------------------

struct CommandLine {
  GivenSettings given;
  std::optional<std::string> config_file;
  std::optional<std::string> print;
};

std::string help_of(const Setting& setting) {
  const bool shown = !setting.fallback.empty() && !setting.value.empty();
  return setting.help + (shown ? " [" + setting.fallback + "]" : "");
}

Result<CommandLine> read_command_line(const std::vector<std::string>& arguments,
                                      const std::string& version) {
  CommandLine line;
  CLI::App app("quernd: a durable task queue server", "quernd");
  app.get_formatter()->column_width(34);
  app.footer(
      "Each flag is also an environment variable (--io-threads: QUERN_IO_THREADS) and a key of "
      "the\n"
      "file (io_threads). A flag goes before the environment, and that before the file.\n"
      "`quernd token new --help`: makes a token for the file that --tokens names.\n"
      "`quernd backup --help`: lists, checks and restores backups.\n"
      "`quernd doctor --help`: checks a data directory.");
  app.set_version_flag("--version", version);
  app.add_option("--config", line.config_file, "TOML file with settings")->type_name("FILE");

  std::map<std::string, std::optional<std::string>> values;
  std::map<std::string, bool> switches;
  for (const Setting& setting : all_settings()) {
    if (setting.value.empty()) {
      app.add_flag(setting.flag(), switches[setting.name], help_of(setting));
    } else {
      app.add_option(setting.flag(), values[setting.name], help_of(setting))
          ->type_name(setting.value);
    }
  }
  try {
    // CLI11 takes them from the back.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    line.print = app.help();
  } catch (const CLI::CallForVersion& called) {
    line.print = std::string(called.what()) + "\n";
  } catch (const CLI::ParseError& error) {
    return unfit(error.what());
  }
  for (const Setting& setting : all_settings()) {
    if (switches[setting.name]) line.given[setting.name] = {"true", setting.flag()};
    if (const auto& value = values[setting.name])
      line.given[setting.name] = {*value, setting.flag()};
  }
  return line;
}

// --- the file -----------------------------------------------------------------------------------

// A value as one would write it on the command line.
std::optional<std::string> text_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* boolean = node.as_boolean()) return boolean->get() ? "true" : "false";
  const toml::array* list = node.as_array();
  if (list == nullptr) return std::nullopt;
  std::string joined;
  for (const toml::node& item : *list) {
    const auto* text = item.as_string();
    if (text == nullptr) return std::nullopt;
    joined += (joined.empty() ? "" : ",") + text->get();
  }
  return joined;
}

const Setting* find_setting(std::string_view name) {
  for (const Setting& setting : all_settings()) {
    if (setting.name == name) return &setting;
  }
  return nullptr;
}

Result<void> take_setting(const std::string& name, const toml::node& node,
                          const std::string& source, GivenSettings& given) {
  if (find_setting(name) == nullptr) return unfit(source + " is not a setting");
  std::optional<std::string> text = text_of(node);
  if (!text) {
    return unfit(source + " must be a string, a number, true, false or a list of strings");
  }
  if (given.contains(name)) return unfit(source + " was said already, in another way");
  given[name] = {*std::move(text), source};
  return {};
}

Result<void> take_table(const std::string& prefix, const toml::table& table,
                        const std::string& source, GivenSettings& given) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + std::string(key.str());
    const std::string place = source + std::string(key.str());
    const toml::table* part = prefix.empty() ? node.as_table() : nullptr;
    Result<void> taken = part != nullptr ? take_table(name + "_", *part, place + ".", given)
                                         : take_setting(name, node, place, given);
    if (!taken) return taken;
  }
  return {};
}

Result<GivenSettings> read_file(const std::string& path) {
  GivenSettings given;
  try {
    const toml::table table = toml::parse_file(path);
    if (Result<void> taken = take_table("", table, path + ": ", given); !taken) {
      return std::move(taken).error();
    }
  } catch (const toml::parse_error& error) {
    return unfit(path + ": line " + std::to_string(error.source().begin.line) + ": " +
                 std::string(error.description()));
  }
  return given;
}

// --- all together -------------------------------------------------------------------------------

GivenSettings read_environment(const Environment& environment) {
  GivenSettings given;
  for (const Setting& setting : all_settings()) {
    const std::string variable = setting.variable();
    if (const char* text = environment(variable.c_str())) given[setting.name] = {text, variable};
  }
  return given;
}

bool lies_within(const std::filesystem::path& inner, const std::filesystem::path& outer) {
  std::error_code failure;
  const auto resolved = [&](const std::filesystem::path& path) {
    std::filesystem::path whole =
        std::filesystem::weakly_canonical(std::filesystem::absolute(path, failure), failure);
    return whole.has_filename() ? whole : whole.parent_path();
  };
  const std::filesystem::path in = resolved(inner);
  const std::filesystem::path out = resolved(outer);
  return std::mismatch(out.begin(), out.end(), in.begin(), in.end()).first == out.end();
}

Result<void> check_backups(const Config& config) {
  if (config.backup_directory.empty()) {
    if (config.backup_interval.count() == 0) return {};
    return unfit("backup_interval_ms needs a backup_directory");
  }
  // What takes the data along must not take its copies.
  if (lies_within(config.backup_directory, config.data) ||
      lies_within(config.data, config.backup_directory)) {
    return unfit("backup_directory must lie outside of the data directory, and not around it");
  }
  return {};
}

Result<Invocation> apply(const GivenSettings& given) {
  Invocation invocation;
  Config& config = invocation.config;
  for (const Setting& setting : all_settings()) {
    const auto found = given.find(setting.name);
    const bool is_given = found != given.end();
    if (!is_given && setting.fallback.empty()) continue;
    const std::string& text = is_given ? found->second.text : setting.fallback;
    if (Result<void> set = setting.set(config, text); !set) {
      return unfit((is_given ? found->second.source : setting.name) + " " + set.error().detail);
    }
    invocation.texts[setting.name] = text;
  }
  if (config.data.empty()) {
    return unfit("there is no data directory: say --data DIR, QUERN_DATA or data in the file");
  }
  if (config.body_memory_bytes_max < config.limits.body_bytes_max) {
    return unfit("body_memory_bytes_max must be at least body_bytes_max");
  }
  if (Result<void> checked = check_backups(config); !checked) return std::move(checked).error();
  return invocation;
}

}  // namespace

Result<Invocation> read_config(const std::vector<std::string>& arguments,
                               const Environment& environment, const std::string& version) {
  Result<CommandLine> line = read_command_line(arguments, version);
  if (!line) return std::move(line).error();
  if (line->print) return Invocation{.config = {}, .print = std::move(line->print), .texts = {}};

  GivenSettings given = std::move(line->given);
  // merge() keeps what is there: what was asked first goes before.
  given.merge(read_environment(environment));
  std::optional<std::string> file = std::move(line->config_file);
  if (const char* named = environment("QUERN_CONFIG"); !file && named != nullptr) file = named;
  if (file) {
    Result<GivenSettings> from_file = read_file(*file);
    if (!from_file) return std::move(from_file).error();
    given.merge(*from_file);
  }
  return apply(given);
}

}  // namespace quern::server
