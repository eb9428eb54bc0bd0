#include <CLI/App.hpp>
#include <iostream>

#include "commands/commands.h"
#include "commands/options.h"
#include "quern/version.h"
#include "table.h"
#include "text.h"

namespace quern::cli {

void add_info(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("info", "Show what the server is and how it was started");
  add_examples(*command, "  qctl info\n");
  command->callback([&session] {
    session.action = [&session] {
      const ServerInfo info = session.ask([](Client& client) { return client.info(); });
      if (session.json) {
        std::cout << one_line(to_json(info)) << '\n';
        return exit_ok;
      }
      Table table({{"SERVER"}, {printable(session.connection().server)}});
      table.add({"named by", session.connection().origin});
      table.add(
          {"version",
           printable(info.version) +
               (info.version == version ? "" : " (this is qctl " + std::string(version) + ")")});
      table.add({"build", printable(info.build)});
      table.add({"storage", printable(info.rocksdb)});
      table.add({"durability", printable(info.durability)});
      table.add({"up for", duration_text(info.uptime)});
      table.print(std::cout, session.look());
      return exit_ok;
    };
  });
}

}  // namespace quern::cli
