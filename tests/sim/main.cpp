// The simulation by hand: `./dev torture`, or one seed again.

#include <CLI/CLI.hpp>
#include <cinttypes>
#include <cstdio>
#include <exception>
#include <thread>

#include "run.h"
#include "torture.h"

namespace {

using namespace quern::sim;

void print(const Total& total, const char* end) {
  const double years = static_cast<double>(total.simulated.count()) / (365.25 * 86'400'000.0);
  std::printf("%" PRIu64 " seeds, %" PRIu64 " steps, %" PRIu64
              " calls, %.1f years of simulated time%s",
              total.seeds, total.steps, total.calls, years, end);
  std::fflush(stdout);
}

// How it fails, in a line.
int name_violation(std::uint64_t seed) {
  std::printf("seed %" PRIu64 " fails: %s\n", seed,
              run(make_plan(seed)).violation.value_or("").c_str());
  return 1;
}

int replay(std::uint64_t seed) {
  const std::string report = report_of(seed);
  if (report.empty()) {
    std::printf("seed %" PRIu64 " passes\n", seed);
    return 0;
  }
  std::fputs(report.c_str(), stdout);
  return 1;
}

int run_many(const Extent& extent, bool brief) {
  std::uint64_t shown = 0;
  const Total total = torture(extent, [&shown](const Total& so_far) {
    if (so_far.seeds - shown < 10'000) return;
    shown = so_far.seeds;
    print(so_far, "\n");
  });
  print(total, total.failed_seed ? "\n" : ", no violation\n");
  std::printf("%zu edges of the lifecycle's table, each taken at least %" PRIu64 " times\n",
              Edges::in_table(), total.edges.fewest());
  if (!total.failed_seed) return 0;
  return brief ? name_violation(*total.failed_seed) : replay(*total.failed_seed);
}

int run_program(int argc, char** argv) {
  CLI::App app("Runs seeds of the simulation until one fails, the time is over or all are done.");
  std::optional<std::uint64_t> seed;
  Extent extent{.threads = std::max(std::thread::hardware_concurrency(), 1u)};
  std::optional<double> minutes;
  bool brief = false;
  app.add_option("--seed", seed, "run this one alone; when it fails, shrink and tell it");
  app.add_option("--first", extent.first_seed, "the first of many")->capture_default_str();
  app.add_option("--seeds", extent.seeds, "how many; default 10,000 unless --minutes is given");
  app.add_option("--minutes", minutes, "how long");
  app.add_option("--threads", extent.threads, "default: one a core")->check(CLI::Range(1, 1024));
  app.add_flag("--brief", brief, "do not shrink a seed that fails");
  CLI11_PARSE(app, argc, argv);

  if (seed) return replay(*seed);
  if (minutes) {
    extent.duration = std::chrono::seconds(static_cast<std::int64_t>(*minutes * 60));
  } else if (!extent.seeds) {
    extent.seeds = 10'000;
  }
  return run_many(extent, brief);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run_program(argc, argv);
  } catch (const std::exception& error) {  // of the system: no memory, no threads
    std::fprintf(stderr, "quern_sim: %s\n", error.what());
    return 1;
  }
}
