// The check of a data directory is the server's program's: it alone knows what is in there.
#include <unistd.h>

#include <CLI/App.hpp>
#include <array>
#include <cerrno>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <system_error>

#include "commands/commands.h"
#include "commands/options.h"

namespace quern::cli {
namespace {

struct DoctorOptions {
  std::string directory;
  bool repair = false;
};

// quernd from where this program lies, else from the PATH. Returns only when there is none.
void become_quernd(std::vector<std::string> arguments) {
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  std::error_code unknown;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", unknown);
  if (!unknown) ::execv((self.parent_path() / "quernd").c_str(), pointers.data());
  ::execvp("quernd", pointers.data());
}

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
      std::vector<std::string> arguments{"quernd", "doctor", "--data", options->directory};
      if (options->repair) arguments.emplace_back("--repair");
      if (session.json) arguments.emplace_back("--json");
      std::cout.flush();
      become_quernd(std::move(arguments));
      std::cerr << "qctl: quernd, which checks the directory, cannot be started: "
                << std::system_category().message(errno) << '\n';
      return exit_refused;
    };
  });
}

}  // namespace quern::cli
