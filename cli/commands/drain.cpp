// Before a server is stopped, or taken out of service for a while.
#include <CLI/App.hpp>
#include <iostream>
#include <memory>
#include <optional>

#include "commands/commands.h"
#include "commands/options.h"
#include "confirm.h"
#include "text.h"

namespace quern::cli {
namespace {

struct DrainOptions {
  std::optional<Duration> wait;
  bool end = false;
  bool yes = false;
};

std::string running_text(std::uint64_t count) {
  return grouped(count) + (count == 1 ? " task is running" : " tasks are running");
}

ExitCode end_drain(Session& session) {
  session.ask([](Client& client) { client.drain_end(); });
  std::cout << (session.json ? "{\"status\":\"ready\"}\n"
                             : "The server takes tasks and gives out leases again\n");
  return exit_ok;
}

ExitCode drain(Session& session, const DrainOptions& options) {
  if (options.end) return end_drain(session);
  const bool sure = options.yes || confirm("keeps " + printable(session.connection().server) +
                                           " from taking tasks and giving out leases, until it is "
                                           "started anew or told to go on (qctl drain --end)");
  if (!sure) return exit_refused;
  // First without a wait: whether the server is there and lets us is not a matter of patience.
  DrainStatus status = session.ask([](Client& client) { return client.drain(); });
  if (options.wait && !status.drained()) {
    if (!session.json) {
      std::cerr << "Draining: " << running_text(status.running) << std::endl;
    }
    status = session.client().drain(*options.wait);
  }
  if (session.json) {
    std::cout << to_json(status) << '\n';
  } else {
    std::cout << (status.drained() ? "Drained: no task is running\n"
                                   : "Draining: " + running_text(status.running) + "\n");
  }
  return options.wait && !status.drained() ? exit_not_in_time : exit_ok;
}

}  // namespace

void add_drain(CLI::App& app, Session& session) {
  auto options = std::make_shared<DrainOptions>();
  CLI::App* command =
      app.add_subcommand("drain", "Have the server take no more tasks and give out no more leases");
  add_duration(*command, "--wait", options->wait,
               "Wait so long at most until the tasks that are running are settled");
  CLI::Option* end =
      command->add_flag("--end", options->end, "Take tasks and give out leases again");
  end->excludes(command->get_option("--wait"));
  add_yes(*command, options->yes);
  add_examples(*command,
               "  qctl drain --wait 10m\n"
               "  qctl drain --end\n");
  command->callback([&session, options] {
    session.action = [&session, options] { return drain(session, *options); };
  });
}

}  // namespace quern::cli
