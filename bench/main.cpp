// quern_bench: drives a running server and prints what it measured (README.md).
//
// Signals    SIGINT ends the measured time, and what was measured until then is printed.
// Exit code  0: every request succeeded. 1: one failed, or the server could not be reached. 2:
// usage.
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

#include "load.h"
#include "options.h"
#include "report.h"

namespace {

volatile std::sig_atomic_t interrupted = 0;

// The run then ends as if its time were up.
void end_on_signal() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  sigaction(SIGINT, &action, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace quern::bench;
  try {
    const auto [options, usage] = parse_options(argc, argv);
    if (usage) return usage->exit_code;
    end_on_signal();
    const Results results = run_load(options, interrupted);
    const std::string report =
        options.json ? report_json(options, results) : report_text(options, results);
    std::fwrite(report.data(), 1, report.size(), stdout);
    return results.failures.empty() ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "quern_bench: %s\n", error.what());
    return 1;
  }
}
