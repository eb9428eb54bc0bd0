// qctl: look at a Quern server and act on it.
#include <iostream>

#include "advice.h"
#include "command_tree.h"
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
    std::cerr << "qctl: " << error.what() << '\n';
    return exit_usage;
  } catch (const std::exception& error) {  // of the system: no memory, no threads, no descriptors
    std::cerr << "qctl: " << error.what() << '\n';
    return exit_refused;
  }
}

}  // namespace

int main(int argc, char** argv) {
  Session session;
  const auto app = make_command_tree(session);
  try {
    app->parse(argc, argv);
  } catch (const CLI::RequiredError& error) {
    // CLI11 misses a subcommand before it sees that one was mistyped.
    if (argc > 1 && app->get_subcommands().empty() && argv[1][0] != '-') {
      std::cerr << "qctl: there is no command " << printable(argv[1]) << "; see qctl --help\n";
      return exit_usage;
    }
    app->exit(error);
    return exit_usage;
  } catch (const CLI::ParseError& error) {
    return app->exit(error) == 0 ? exit_ok : exit_usage;
  }
  const ExitCode code = run(session);
  std::cout.flush();
  if (!std::cout) {  // a full disk must not look like an empty list
    std::cerr << "qctl: the output could not be written\n";
    return code == exit_ok ? exit_refused : code;
  }
  return code;
}
