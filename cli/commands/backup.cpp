// Backups: those that the server keeps, and the directory that they are in.
#include <CLI/App.hpp>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "become_quernd.h"
#include "commands/commands.h"
#include "commands/options.h"
#include "commands/pages.h"
#include "table.h"
#include "text.h"

namespace quern::cli {
namespace {

struct BackupOptions {
  std::string from;  // empty: ask the server
  std::string data;
  std::optional<std::uint32_t> id;
  Duration timeout{3'600'000};
  PageFlags page;
};

// "1.5 GiB"
std::string bytes_text(std::uint64_t bytes) {
  constexpr const char* units[] = {"KiB", "MiB", "GiB", "TiB"};
  std::uint64_t tenths = bytes * 10 / 1024;
  std::size_t unit = 0;
  while (tenths >= 10'240 && unit < std::size(units) - 1) {
    tenths /= 1024;
    ++unit;
  }
  return grouped(tenths / 10) + "." + std::to_string(tenths % 10) + " " + units[unit];
}

Table backups_table() {
  return Table({{"ID", Table::Align::right},
                {"MADE"},
                {"SIZE", Table::Align::right},
                {"ITS OWN", Table::Align::right, 1}});
}

void add_backup_row(Table& table, const Backup& backup) {
  if (backup.damaged) {
    table.add({std::to_string(backup.id), {"damaged", Colour::red}, "", ""});
    return;
  }
  table.add({std::to_string(backup.id), to_rfc3339(backup.created_at), bytes_text(backup.bytes),
             bytes_text(backup.own_bytes)});
}

// With --from the server's program does it, where the backups lie.
ExitCode without_server(const Session& session, std::vector<std::string> arguments,
                        const std::string& from) {
  arguments.insert(arguments.begin(), "backup");
  arguments.insert(arguments.end(), {"--from", from});
  if (session.json) arguments.emplace_back("--json");
  return become_quernd(std::move(arguments));
}

ExitCode create(Session& session, const BackupOptions& options) {
  const Backup backup =
      session.ask([&](Client& client) { return client.backup_create(options.timeout); });
  if (session.json) {
    std::cout << to_json(backup) << '\n';
  } else {
    std::cout << "Made backup " << backup.id << ": " << bytes_text(backup.bytes) << ", "
              << bytes_text(backup.own_bytes) << " of them new\n";
  }
  return exit_ok;
}

ExitCode list(Session& session, const BackupOptions& options) {
  if (!options.from.empty()) return without_server(session, {"list"}, options.from);
  return show_pages(
      session, options.page, "No backups yet: qctl backup create makes one.",
      [&](const PageOptions& page) {
        return session.ask([&](Client& client) { return client.backups(page); });
      },
      backups_table(), add_backup_row);
}

ExitCode verify(Session& session, const BackupOptions& options) {
  if (!options.from.empty()) {
    std::vector<std::string> arguments{"verify"};
    if (options.id) arguments.push_back(std::to_string(*options.id));
    return without_server(session, std::move(arguments), options.from);
  }
  std::optional<std::uint32_t> id = options.id;
  if (!id) {
    const auto newest =
        session.ask([](Client& client) { return client.backups({.limit = 1}); }).items;
    if (newest.empty()) {
      throw ApiError(Error{.code = ErrorCode::backup_not_found, .detail = "there are no backups"});
    }
    id = newest.front().id;
  }
  const BackupCheck check =
      session.ask([&](Client& client) { return client.backup_verify(*id, options.timeout); });
  if (session.json) {
    std::cout << one_line(to_json(check)) << '\n';
  } else if (check.sound()) {
    std::cout << "Backup " << check.id << " is sound\n";
  } else {
    for (const std::string& finding : check.findings) {
      std::cout << "Backup " << check.id << ": " << printable(finding) << '\n';
    }
  }
  return check.sound() ? exit_ok : exit_refused;
}

ExitCode restore(const Session& session, const BackupOptions& options) {
  std::vector<std::string> arguments{"restore", "--data", options.data};
  if (options.id) arguments.insert(arguments.end(), {"--id", std::to_string(*options.id)});
  return without_server(session, std::move(arguments), options.from);
}

CLI::Option* add_from(CLI::App& command, std::string& from, const std::string& description) {
  return command.add_option("--from", from, description)->check(not_empty())->type_name("DIR");
}

void add_timeout(CLI::App& command, Duration& timeout) {
  add_duration(command, "--timeout", timeout, "How long it may take (default: 1h)");
}

}  // namespace

void add_backup(CLI::App& app, Session& session) {
  const auto options = std::make_shared<BackupOptions>();
  CLI::App* backup = app.add_subcommand("backup", "Make, list, check and restore backups");
  backup->require_subcommand(1);
  add_examples(*backup,
               "  qctl backup create\n"
               "  qctl backup verify\n");

  CLI::App* creating = backup->add_subcommand("create", "Have the server make a backup");
  add_timeout(*creating, options->timeout);
  add_examples(*creating, "  qctl backup create\n");
  creating->callback([&session, options] {
    session.action = [&session, options] { return create(session, *options); };
  });

  CLI::App* listing = backup->add_subcommand("list", "List the backups, the newest first");
  options->page.add_to(*listing);
  add_from(*listing, options->from, "Of this directory, without a server");
  add_examples(*listing,
               "  qctl backup list\n"
               "  qctl backup list --from /backup/quern\n");
  listing->callback([&session, options] {
    session.action = [&session, options] { return list(session, *options); };
  });

  CLI::App* verifying = backup->add_subcommand("verify", "Read all of a backup and check it");
  verifying->add_option("id", options->id, "Which one; else the newest")->type_name("ID");
  add_from(*verifying, options->from, "Of this directory, without a server");
  add_timeout(*verifying, options->timeout);
  add_examples(*verifying,
               "  qctl backup verify\n"
               "  qctl backup verify 12 --from /backup/quern\n");
  verifying->callback([&session, options] {
    session.action = [&session, options] { return verify(session, *options); };
  });

  CLI::App* restoring = backup->add_subcommand(
      "restore", "Make a data directory of a backup, for a server to be started on");
  add_from(*restoring, options->from, "The directory of the backups")->required();
  restoring->add_option("--data", options->data, "The data directory to be: new or empty")
      ->check(not_empty())
      ->type_name("DIR")
      ->required();
  restoring->add_option("--id", options->id, "Which backup; else the newest that is not damaged")
      ->type_name("ID");
  add_examples(*restoring,
               "  qctl backup restore --from /backup/quern --data /var/lib/quern\n"
               "  qctl backup restore --from /backup/quern --data /tmp/look --id 12\n");
  restoring->callback([&session, options] {
    session.action = [&session, options] { return restore(session, *options); };
  });
}

}  // namespace quern::cli
