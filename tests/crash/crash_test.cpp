// The real server under load is killed with SIGKILL again and again, each time at another moment,
// and started again on the same data and port. In the end everything is read, and the checker
// compares it with what the clients were told.
//
// QUERN_CRASH_CYCLES  kills (12); ctest's time limit is made for that many
// QUERN_CRASH_SEED    what the clients do and when the kills come (drawn anew each time, and
// printed)
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "checker.h"
#include "crew.h"
#include "support/eventually.h"
#include "support/server.h"
#include "support/temp_dir.h"
#include "workload.h"

namespace quern::crash {
namespace {

using std::chrono::milliseconds;

// The server that is killed, and the moments at which it is.
class Nemesis {
 public:
  Nemesis(test::ServerOptions options, std::mt19937_64& random)
      : options_(std::move(options)), random_(random) {
    server_.emplace(options_);
    options_.port = server_->port();
  }

  std::uint16_t port() const { return options_.port; }
  milliseconds slowest_start() const { return slowest_start_; }

  void strike() {
    std::this_thread::sleep_for(milliseconds(between(50, 1500)));
    server_->kill();
    server_.reset();
    // Now and then it is killed again before it is up.
    if (between(1, 5) == 1) start_and_kill(options_, milliseconds(between(1, 150)));
    const auto begin = test::Clock::now();
    server_.emplace(options_);
    slowest_start_ = std::max(slowest_start_,
                              std::chrono::duration_cast<milliseconds>(test::Clock::now() - begin));
  }

 private:
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }

  test::ServerOptions options_;
  std::mt19937_64& random_;
  std::optional<test::Server> server_;
  milliseconds slowest_start_{0};
};

TEST_CASE("kill -9 under load loses nothing that was answered") {
  const std::uint64_t seed = number_from("QUERN_CRASH_SEED", std::random_device{}());
  const std::uint64_t cycles = number_from("QUERN_CRASH_CYCLES", 12);
  std::cout << "QUERN_CRASH_SEED=" << seed << std::endl;
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const std::filesystem::path journals = QUERN_CRASH_JOURNALS;
  std::filesystem::remove_all(journals);
  std::filesystem::create_directories(journals);
  MESSAGE("what each client did is in ", journals.string());

  const test::TempDir folder;
  Nemesis nemesis({.data = folder.path() / "data", .port = 0, .flags = {}, .environment = {}},
                  random);
  configure_queues(nemesis.port());
  Crew producers(run_producer, nemesis.port(), journals, 100, random);
  Crew workers(run_worker, nemesis.port(), journals, 200, random);
  for (std::uint64_t cycle = 0; cycle < cycles; ++cycle) nemesis.strike();

  // No more faults, no more tasks: the workers finish what there is.
  producers.stop();
  test::eventually(
      "all tasks are finished", [&] { return count_unfinished(nemesis.port()); },
      [](std::int64_t count) { return count == 0; });
  workers.stop();

  const std::vector<Call> calls = all_calls(producers, workers);
  const Found found = read_everything(nemesis.port());
  Totals totals;
  totals.add(calls, found);
  std::cout << cycles << " kills, slowest start " << nemesis.slowest_start().count() << " ms; "
            << totals.text() << '\n';
  const std::vector<std::string> wrong = violations(calls, found);
  for (std::size_t i = 0; i < std::min<std::size_t>(wrong.size(), 20); ++i) FAIL_CHECK(wrong[i]);
  CHECK(wrong.size() == 0);
  CHECK(found.tasks.size() > cycles);
}

}  // namespace
}  // namespace quern::crash
