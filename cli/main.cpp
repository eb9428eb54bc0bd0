// qctl: look at a Quern server and act on it.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <iostream>

#include "commands/commands.h"
#include "commands/options.h"
#include "quern/protocol/json_writer.h"
#include "quern/version.h"
#include "text.h"

namespace {

using namespace quern;
using namespace quern::cli;

void add_global_options(CLI::App& app, Session& session) {
  app.set_version_flag("--version", "qctl " + std::string(version));
  app.add_option("--server", session.server, "Where the server is")
      ->envname("QUERN_SERVER")
      ->capture_default_str();
  app.add_option("--token-file", session.token_file,
                 "File with the token on its first line (or set QUERN_TOKEN)");
  app.add_option("--ca-file", session.ca_file, "PEM of the authorities to trust for https");
  app.add_flag("--json", session.json, "Print JSON, one object a line");
}

void add_commands(CLI::App& app, Session& session) {
  add_submit(app, session);
  add_get(app, session);
  add_wait(app, session);
  add_list(app, session);
  add_cancel(app, session);
  add_queues(app, session);
  add_queue(app, session);
  CLI::App* dead = app.add_subcommand("dead", "Dead-letter queues: list, redrive");
  dead->require_subcommand(1);
  add_dead_list(*dead, session);
  add_redrive(*dead, session);
  add_redrive(app, session);
}

// What to do about an error, where the server does not say so itself.
std::string advice(ErrorCode code) {
  switch (code) {
    case ErrorCode::unreachable:
      return "Is quernd running there? Another address goes into --server or QUERN_SERVER.";
    case ErrorCode::unauthorized:
      return "Give a token by --token-file or QUERN_TOKEN.";
    default:
      return "";
  }
}

void print_error(const Session& session, const ApiError& error) {
  if (session.json) {
    std::string text;
    JsonWriter json(text);
    json.begin_object().key("code").string(to_string(error.code()));
    json.key("detail").string(error.detail()).end_object();
    std::cerr << text << '\n';
    return;
  }
  std::cerr << "qctl: " << printable(error.detail()) << '\n';
  if (error.fields().size() > 1) {
    for (const FieldError& field : error.fields()) {
      std::cerr << "  " << printable(field.pointer) << ' ' << printable(field.detail) << '\n';
    }
  }
  if (const std::string what_to_do = advice(error.code()); !what_to_do.empty()) {
    std::cerr << what_to_do << '\n';
  }
}

ExitCode run(Session& session) {
  try {
    return session.action();
  } catch (const ApiError& error) {
    print_error(session, error);
    return exit_code_for(error.code());
  } catch (const UsageError& error) {
    std::cerr << "qctl: " << error.what() << '\n';
    return exit_usage;
  }
}

}  // namespace

int main(int argc, char** argv) {
  Session session;
  CLI::App app("Looks at a Quern server and acts on it.", "qctl");
  app.require_subcommand(1);
  app.fallthrough();  // --json may stand anywhere
  add_global_options(app, session);
  add_commands(app, session);
  app.footer(
      "\nExit status: 0 done, 1 refused, 2 usage, 3 not found, 4 no answer from a Quern server.\n"
      "qctl COMMAND --help has examples.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_ok : exit_usage;
  }
  return run(session);
}
