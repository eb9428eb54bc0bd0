// qctl: look at a Quern server and act on it.
#include <algorithm>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "advice.h"
#include "command_tree.h"
#include "help.h"
#include "output.h"
#include "text.h"

namespace {

using namespace quern;
using namespace quern::cli;

ExitCode run(Session& session) {
  try {
    return session.action();
  } catch (const ApiError& error) {
    print_error(session, error);
    return exit_code_for(error.code());
  } catch (const UsageError& error) {
    print_failure(session.json, usage_code, error.what());
    return exit_usage;
  } catch (const std::exception& error) {  // of the system: no memory, no threads, no descriptors
    print_failure(session.json, system_code, error.what());
    return exit_refused;
  }
}

// Whether an option was given, for when the parser stopped at a mistake before it came to it.
template <typename Is>
bool was_given(int argc, char** argv, const Is& is) {
  char** const end = std::find(argv, argv + argc, std::string_view("--"));
  return std::any_of(argv, end, is);
}

bool asks_for_json(int argc, char** argv) {
  return was_given(argc, argv, [](std::string_view text) { return text == "--json"; });
}

// People try; and what the parser would say repeats the token.
bool has_token(int argc, char** argv) {
  return was_given(argc, argv, [](std::string_view text) {
    return text == "--token" || text.starts_with("--token=");
  });
}

// Help and the version are what was asked for; all else is a mistake.
ExitCode after_parsing(const CLI::App& app, const CLI::ParseError& error, bool json) {
  std::ostringstream ignored;
  if (app.exit(error, std::cout, ignored) == 0) return exit_ok;
  print_failure(json, usage_code, error.what());
  if (!json) std::cerr << "--help has more.\n";
  return exit_usage;
}

// The parser says "--queue is required".
std::string what_is_missing(const CLI::RequiredError& error) {
  const std::string text = error.what();
  const std::string name = text.substr(0, text.rfind(" is required"));
  if (name == "A subcommand") return "a command";
  return name == "command" ? "a program behind --" : name;
}

ExitCode parse_and_run(int argc, char** argv) {
  Session session;
  const auto app = make_command_tree(session);
  if (has_token(argc, argv)) {
    print_failure(asks_for_json(argc, argv), usage_code,
                  "a token does not belong on the command line, where every user of this machine "
                  "can read it: use --token-file, QUERN_TOKEN or a profile");
    return exit_usage;
  }
  try {
    app->parse(argc, argv);
  } catch (const CLI::RequiredError& error) {
    // CLI11 misses a subcommand before it sees that one was mistyped.
    const std::vector<std::string> unknown = app->remaining();
    if (app->get_subcommands().empty()) {
      const std::string what = unknown.empty() ? "name a command"
                               : unknown.front().starts_with('-')
                                   ? "there is no option " + unknown.front()
                                   : "there is no command " + unknown.front();
      print_failure(asks_for_json(argc, argv), usage_code, what + "; see qctl --help");
      return exit_usage;
    }
    print_failure(asks_for_json(argc, argv), usage_code,
                  "missing: " + what_is_missing(error) + "; usage: " + usage_text(*app));
    return exit_usage;
  } catch (const CLI::ParseError& error) {
    return after_parsing(*app, error, asks_for_json(argc, argv));
  }
  return run(session);
}

}  // namespace

int main(int argc, char** argv) {
  prepare_output();
  const ExitCode code = parse_and_run(argc, argv);
  if (finish_output()) return code;
  print_failure(asks_for_json(argc, argv), output_code, "the output could not be written");
  return code == exit_ok ? exit_refused : code;
}
