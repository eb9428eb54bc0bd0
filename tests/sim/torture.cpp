#include "torture.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

#include "run.h"
#include "shrink.h"

namespace quern::sim {
namespace {

constexpr std::size_t shrink_runs_max = 3'000;
constexpr std::uint64_t seeds_per_turn = 64;

thread_local volatile std::uint64_t seed_in_hand = 0;

// An assertion or a bad access ends the process: at least the seed is told.
extern "C" void tell_seed(int signal) {
  char text[80];
  const int size = std::snprintf(text, sizeof text, "\nsignal %d in seed %llu\n", signal,
                                 static_cast<unsigned long long>(seed_in_hand));
  const ssize_t ignored = ::write(STDERR_FILENO, text, static_cast<std::size_t>(size));
  static_cast<void>(ignored);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void tell_seeds_on_crash() {
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL})
    std::signal(signal, tell_seed);
}

class Torture {
 public:
  Torture(const Extent& extent, const std::function<void(const Total&)>& progress)
      : extent_(extent), progress_(progress) {}

  Total run() {
    tell_seeds_on_crash();
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < extent_.threads; ++i) threads.emplace_back([this] { work(); });
    for (std::thread& thread : threads) thread.join();
    return total_;
  }

 private:
  using Clock = std::chrono::steady_clock;

  void work() {
    while (const std::optional<std::pair<std::uint64_t, std::uint64_t>> seeds = next_seeds()) {
      Total part;
      for (std::uint64_t seed = seeds->first; seed < seeds->second && !part.failed_seed; ++seed) {
        seed_in_hand = seed;
        add(part, sim::run(make_plan(seed)), seed);
      }
      merge(part);
    }
  }

  std::optional<std::pair<std::uint64_t, std::uint64_t>> next_seeds() {
    const std::lock_guard lock(mutex_);
    if (total_.failed_seed) return std::nullopt;
    if (extent_.duration && Clock::now() - begun_ >= *extent_.duration) return std::nullopt;
    std::uint64_t count = seeds_per_turn;
    if (extent_.seeds) count = std::min(count, *extent_.seeds - given_);
    if (count == 0) return std::nullopt;
    const std::uint64_t first = extent_.first_seed + given_;
    given_ += count;
    return std::pair(first, first + count);
  }

  static void add(Total& total, const Run& run, std::uint64_t seed) {
    ++total.seeds;
    total.steps += run.steps;
    total.calls += run.calls;
    total.simulated += run.simulated;
    total.edges.add(run.edges);
    if (run.violation) total.failed_seed = seed;
  }

  void merge(const Total& part) {
    const std::lock_guard lock(mutex_);
    total_.seeds += part.seeds;
    total_.steps += part.steps;
    total_.calls += part.calls;
    total_.simulated += part.simulated;
    total_.edges.add(part.edges);
    if (part.failed_seed) {
      total_.failed_seed =
          std::min(total_.failed_seed.value_or(*part.failed_seed), *part.failed_seed);
    }
    progress_(total_);
  }

  const Extent& extent_;
  const std::function<void(const Total&)>& progress_;
  const Clock::time_point begun_ = Clock::now();
  std::mutex mutex_;  // guards all below
  std::uint64_t given_ = 0;
  Total total_;
};

}  // namespace

Total torture(const Extent& extent, const std::function<void(const Total&)>& progress) {
  return Torture(extent, progress).run();
}

std::string report_of(std::uint64_t seed) {
  const Plan plan = make_plan(seed);
  const auto kind = [](const Plan& p) {
    const Run result = run(p);
    return result.violation ? kind_of(*result.violation) : std::string();
  };
  if (kind(plan).empty()) return "";
  const Plan shrunk = shrink(plan, kind, shrink_runs_max);
  std::vector<std::string> history;
  const Run last = run(shrunk, &history);

  std::string out = "seed " + std::to_string(seed) + " fails: " + *last.violation + "\n";
  out += "again: build/release/tests/quern_sim --seed " + std::to_string(seed) + "\n";
  out += "shrunk from " + std::to_string(plan.steps.size()) + " steps to " +
         std::to_string(shrunk.steps.size()) + ", with:";
  for (std::size_t i = 0; i < feature_count; ++i) {
    if (shrunk.features[i]) out += " " + std::string(to_string(static_cast<Feature>(i)));
  }
  out += "\n";
  for (const std::string& line : history) out += line + "\n";
  return out + "→ " + *last.violation + "\n";
}

}  // namespace quern::sim
