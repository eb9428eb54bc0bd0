// The check of a data directory is the server's program's: it alone knows what is in there.
#include <CLI/App.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "become_quernd.h"
#include "commands/commands.h"
#include "commands/options.h"

namespace quern::cli {
namespace {

struct DoctorOptions {
  std::string directory;
  bool repair = false;
};

}  // namespace

void add_doctor(CLI::App& app, Session& session) {
  CLI::App* command =
      app.add_subcommand("doctor", "Check a data directory whose server is stopped");
  const auto options = std::make_shared<DoctorOptions>();
  command->add_option("DIR", options->directory, "The server's data directory")->required();
  command->add_flag("--repair", options->repair,
                    "Rebuild indexes, counters and cursors from the records");
  add_examples(*command,
               "  qctl doctor /var/lib/quern\n"
               "  qctl doctor /var/lib/quern --repair\n");
  command->callback([&session, options] {
    session.action = [&session, options] {
      std::vector<std::string> arguments{"doctor", "--data", options->directory};
      if (options->repair) arguments.emplace_back("--repair");
      if (session.json) arguments.emplace_back("--json");
      return become_quernd(std::move(arguments));
    };
  });
}

}  // namespace quern::cli
