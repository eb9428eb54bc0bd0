#include "backup_command.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <filesystem>
#include <optional>
#include <utility>

#include "backup_check.h"
#include "engine/restored.h"
#include "http/encode.h"
#include "quern/storage/backups.h"

namespace quern::server {
namespace {

constexpr int done_status = 0;
constexpr int unsound_status = 1;
constexpr int usage_status = 2;

struct Asked {
  std::filesystem::path from;
  std::filesystem::path data;
  std::optional<std::uint32_t> id;
  bool json = false;
};

CommandOutput failed(const Error& error) {
  return {
      .status = unsound_status, .output = {}, .errors = "quernd backup: " + error.detail + "\n"};
}

std::string size_text(std::uint64_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

std::string as_json(const storage::Backup& backup) {
  std::string text;
  JsonWriter json(text);
  http::write_backup(json, backup);
  return text + "\n";
}

std::string as_line(const storage::Backup& backup) {
  if (backup.damaged) return fmt::format("{:>4}  damaged\n", backup.id);
  return fmt::format("{:>4}  {}  {:>12}  {:>12} of its own\n", backup.id,
                     to_rfc3339(backup.created_at), size_text(backup.bytes),
                     size_text(backup.own_bytes));
}

CommandOutput list(const Asked& asked) {
  const Result<std::vector<storage::Backup>> backups = storage::list_backups(asked.from);
  if (!backups) return failed(backups.error());
  CommandOutput done{.status = done_status, .output = {}, .errors = {}};
  for (const storage::Backup& backup : *backups) {
    done.output += asked.json ? as_json(backup) : as_line(backup);
  }
  return done;
}

// The newest, unless one is named.
Result<std::uint32_t> chosen(const Asked& asked) {
  if (asked.id) return *asked.id;
  const Result<std::vector<storage::Backup>> backups = storage::list_backups(asked.from);
  if (!backups) return backups.error();
  if (!backups->empty()) return backups->front().id;
  return Error{.code = ErrorCode::backup_not_found,
               .detail = "there are no backups in " + asked.from.string()};
}

CommandOutput verify(const Asked& asked) {
  const Result<std::uint32_t> id = chosen(asked);
  if (!id) return failed(id.error());
  const Result<std::vector<std::string>> findings = check_backup(asked.from, *id);
  if (!findings) return failed(findings.error());
  CommandOutput done{
      .status = findings->empty() ? done_status : unsound_status, .output = {}, .errors = {}};
  if (asked.json) {
    JsonWriter json(done.output);
    http::write_backup_check(json, *id, *findings);
    done.output += "\n";
    return done;
  }
  const std::string name = "backup " + std::to_string(*id);
  if (findings->empty()) done.output = name + ": sound\n";
  for (const std::string& finding : *findings) done.output += name + ": " + finding + "\n";
  return done;
}

CommandOutput restore(const Asked& asked, Timestamp now) {
  // What is restored is nobody else's to read.
  ::umask(S_IRWXG | S_IRWXO);
  CommandOutput done{.status = done_status, .output = {}, .errors = {}};
  const Result<storage::Backup> backup = storage::restore_backup(
      {.backups = asked.from,
       .id = asked.id,
       .data = asked.data,
       .prepare = [now](storage::Store& store) { return engine::begin_ids_after(store, now); },
       .on_notice =
           [&](const std::string& text) { done.errors += "quernd backup: " + text + "\n"; }});
  if (!backup) return failed(backup.error());
  done.output = asked.json ? as_json(*backup)
                           : fmt::format("restored backup {} of {} into {}\n", backup->id,
                                         to_rfc3339(backup->created_at), asked.data.string());
  return done;
}

}  // namespace

CommandOutput run_backup_command(const std::vector<std::string>& arguments, Timestamp now) {
  Asked asked;
  std::optional<CommandOutput> done;
  CLI::App app("Looks at backups where they lie, without a server, and restores them.",
               "quernd backup");
  app.require_subcommand(1);
  const auto add = [&](const char* name, const char* about, auto action) {
    CLI::App* command = app.add_subcommand(name, about);
    command->add_option("--from", asked.from, "The backup directory")->type_name("DIR")->required();
    command->add_flag("--json", asked.json, "Print JSON, one object a line");
    command->callback([&done, action] { done = action(); });
    return command;
  };
  add("list", "Lists the backups, the newest first", [&] { return list(asked); });
  add("verify", "Reads all of a backup and checks that it is sound", [&] {
    return verify(asked);
  })->add_option("id", asked.id, "Which backup; else the newest");
  CLI::App* restoring =
      add("restore", "Makes a data directory of a backup, for a server to start on",
          [&] { return restore(asked, now); });
  restoring->add_option("--data", asked.data, "The data directory to be: a new or an empty one")
      ->type_name("DIR")
      ->required();
  restoring->add_option("--id", asked.id, "Which backup; else the newest that is not damaged")
      ->type_name("N");
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    return {.status = done_status, .output = app.help(), .errors = {}};
  } catch (const CLI::ParseError& error) {
    return {.status = usage_status,
            .output = {},
            .errors = "quernd backup: " + std::string(error.what()) + "\n"};
  }
  return *std::move(done);
}

}  // namespace quern::server
