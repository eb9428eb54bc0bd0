// A running server goes over its data itself; a data directory is the server's program's to check:
// it alone knows what is in there.
#include <CLI/App.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "become_quernd.h"
#include "commands/commands.h"
#include "commands/options.h"
#include "text.h"

namespace quern::cli {
namespace {

struct DoctorOptions {
  std::string directory;
  bool repair = false;
};

ExitCode check_directory(const Session& session, const DoctorOptions& options) {
  std::vector<std::string> arguments{"doctor", "--data", options.directory};
  if (options.repair) arguments.emplace_back("--repair");
  if (session.json) arguments.emplace_back("--json");
  return become_quernd(std::move(arguments));
}

// As `quernd doctor` says it.
void print(const std::string& server, const Diagnosis& diagnosis) {
  std::cout << printable(server) << ": " << diagnosis.queue_count << " queues, "
            << diagnosis.task_count << " tasks, " << diagnosis.index_entry_count
            << " index entries\n";
  bool mendable = false;
  for (const Finding& finding : diagnosis.findings) {
    mendable = mendable || finding.mendable;
    std::cout << (finding.mendable ? "  can be rebuilt: " : "  lost: ") << printable(finding.text)
              << '\n';
  }
  if (diagnosis.finding_count > diagnosis.findings.size()) {
    std::cout << "  and " << diagnosis.finding_count - diagnosis.findings.size() << " more\n";
  }
  if (mendable) {
    std::cout << "Stop the server; qctl doctor DIR --repair rebuilds what can be rebuilt\n";
  }
  std::cout << (diagnosis.sound ? "sound\n" : "not sound\n");
}

ExitCode check_server(Session& session) {
  const Diagnosis diagnosis = session.ask([](Client& client) { return client.doctor(); });
  if (session.json) {
    std::cout << one_line(to_json(diagnosis)) << '\n';
  } else {
    print(session.connection().server, diagnosis);
  }
  return diagnosis.sound ? exit_ok : exit_refused;
}

}  // namespace

void add_doctor(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand(
      "doctor", "Check all that the server stores, or a data directory whose server is stopped");
  const auto options = std::make_shared<DoctorOptions>();
  CLI::Option* directory = command
                               ->add_option("DIR", options->directory,
                                            "The data directory of a stopped server; without it "
                                            "the running one is asked (an admin of all queues may)")
                               ->check(not_empty());
  command
      ->add_flag("--repair", options->repair,
                 "Rebuild the directory's indexes, counters and cursors from the records")
      ->needs(directory);
  add_examples(*command,
               "  qctl doctor\n"
               "  qctl doctor /var/lib/quern\n"
               "  qctl doctor /var/lib/quern --repair\n");
  command->callback([&session, options, directory] {
    const bool has_directory = directory->count() > 0;
    session.action = [&session, options, has_directory] {
      return has_directory ? check_directory(session, *options) : check_server(session);
    };
  });
}

}  // namespace quern::cli
