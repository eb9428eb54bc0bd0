#include "command_tree.h"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <string>

#include "commands/commands.h"
#include "commands/options.h"
#include "help.h"
#include "quern/version.h"

namespace quern::cli {
namespace {

void add_global_options(CLI::App& app, Session& session) {
  app.set_version_flag("--version", "qctl " + std::string(version));
  ConnectionFlags& flags = session.flags;
  app.add_option(
         "--server", flags.server,
         "Where the server is; or set QUERN_SERVER (default: " + std::string(default_server) + ")")
      ->check(not_empty())
      ->type_name("URL");
  app.add_option("--profile", flags.profile,
                 "A server from the configuration file; or set QUERN_PROFILE")
      ->check(not_empty())
      ->type_name("NAME");
  app.add_option("--token-file", flags.token_file,
                 "File with the token on its first line; or set QUERN_TOKEN to the token")
      ->check(not_empty())
      ->type_name("FILE");
  app.add_option("--ca-file", flags.ca_file,
                 "PEM of the authorities to trust for https; or set QUERN_CA_FILE")
      ->check(not_empty())
      ->type_name("FILE");
  add_duration(app, "--answer-timeout", session.answer_timeout,
               "How long to wait for an answer (default: 30s)");
  app.add_flag("--json", session.json, "Print JSON, one object a line");
  add_colour(app, session.colour);
}

std::string exit_status_text() {
  std::string text = "Exit status:\n";
  for (const ExitStatus& exit : exit_statuses) {
    const std::string status(exit.status);
    text += "  " + status + std::string(5 - status.size(), ' ') + exit.meaning + "\n";
  }
  return text;
}

void add_commands(CLI::App& app, Session& session) {
  add_submit(app, session);
  add_get(app, session);
  add_wait(app, session);
  add_list(app, session);
  add_cancel(app, session);
  add_trace(app, session);
  add_queues(app, session);
  add_queue(app, session);
  add_top(app, session);
  add_dead(app, session);
  add_redrive(app, session);
  add_work(app, session);
  add_info(app, session);
  add_drain(app, session);
  add_backup(app, session);
  add_doctor(app, session);
  add_completions(app, session);
  add_man(app, session);
}

}  // namespace

std::unique_ptr<CLI::App> make_command_tree(Session& session) {
  auto app = std::make_unique<CLI::App>(
      "Looks at a Quern server and acts on it: tasks, queues, dead letters, workers.", "qctl");
  app->formatter(std::make_shared<HelpFormatter>());  // that of all commands below, too
  app->require_subcommand(1);
  app->fallthrough();  // --json may stand anywhere
  add_global_options(*app, session);
  add_commands(*app, session);
  app->footer(
      "\nExamples:\n"
      "  qctl submit send_email '{\"to\": \"ada@example.com\"}' --queue emails --wait 10s\n"
      "  qctl top\n"
      "  qctl work --queue emails -- ./send_email.py\n\n" +
      exit_status_text() + "\nqctl COMMAND --help has more.");
  return app;
}

}  // namespace quern::cli
