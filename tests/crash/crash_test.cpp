// The real server under load is killed with SIGKILL again and again, each time at another moment,
// and started again on the same data and port. In the end everything is read, and the checker
// compares it with what the clients were told.
//
// QUERN_CRASH_CYCLES  kills (12); ctest's time limit is made for that many
// QUERN_CRASH_SEED    what the clients do and when the kills come (drawn anew each time, and
// printed)
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <list>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "checker.h"
#include "support/eventually.h"
#include "support/server.h"
#include "support/temp_dir.h"
#include "workload.h"

namespace quern::crash {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t producer_count = 4;
constexpr std::size_t worker_count = 4;

std::uint64_t number_from(const char* variable, std::uint64_t fallback) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? fallback : std::stoull(text);
}

// Clients of one kind, each in its thread, until told to stop.
class Crew {
 public:
  using Run = void (*)(const Surroundings&, Journal&);

  Crew(Run run, std::uint16_t port, const std::filesystem::path& folder, int first,
       std::size_t count, std::mt19937_64& random) {
    for (std::size_t i = 0; i < count; ++i) {
      const int client = first + static_cast<int>(i);
      // The seed ends in the client's number, since names of things are made of it.
      const Surroundings around{
          port, random() / 1'000'000 * 1'000'000 + static_cast<std::uint64_t>(client), &stop_};
      Journal& journal =
          journals_.emplace_back(folder / ("client-" + std::to_string(client) + ".ndjson"), client);
      threads_.emplace_back([=, &journal] { run(around, journal); });
    }
  }
  ~Crew() { stop(); }

  void stop() {
    stop_ = true;
    threads_.clear();
  }

  // Of a crew that has stopped.
  const std::list<Journal>& journals() const { return journals_; }

 private:
  std::atomic<bool> stop_ = false;
  std::list<Journal> journals_;
  std::vector<std::jthread> threads_;
};

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

std::vector<Call> all_calls(const Crew& producers, const Crew& workers) {
  std::vector<Call> calls;
  for (const Crew* crew : {&producers, &workers}) {
    for (const Journal& journal : crew->journals()) {
      calls.insert(calls.end(), journal.calls().begin(), journal.calls().end());
    }
  }
  return calls;
}

void print_summary(const std::vector<Call>& calls, const Found& found, std::uint64_t cycles,
                   milliseconds slowest) {
  std::size_t done = 0;
  std::size_t refused = 0;
  std::size_t acknowledged = 0;
  std::size_t leases = 0;
  for (const Call& call : calls) {
    done += call.verdict == Verdict::done ? 1 : 0;
    refused += call.verdict == Verdict::refused ? 1 : 0;
    acknowledged += call.ids.size();
    leases += call.given.size();
  }
  std::cout << cycles << " kills, slowest start " << slowest.count() << " ms; " << calls.size()
            << " calls: " << done << " done, " << refused << " refused, "
            << calls.size() - done - refused << " unknown; " << acknowledged
            << " submits acknowledged, " << leases << " leases; " << found.tasks.size()
            << " tasks found\n";
}

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
  Crew producers(run_producer, nemesis.port(), journals, 100, producer_count, random);
  Crew workers(run_worker, nemesis.port(), journals, 200, worker_count, random);
  for (std::uint64_t cycle = 0; cycle < cycles; ++cycle) nemesis.strike();

  // No more faults, no more tasks: the workers finish what there is.
  producers.stop();
  test::eventually(
      "all tasks are finished", [&] { return count_unfinished(nemesis.port()); },
      [](std::int64_t count) { return count == 0; });
  workers.stop();

  const std::vector<Call> calls = all_calls(producers, workers);
  const Found found = read_everything(nemesis.port());
  print_summary(calls, found, cycles, nemesis.slowest_start());
  const std::vector<std::string> wrong = violations(calls, found);
  for (std::size_t i = 0; i < std::min<std::size_t>(wrong.size(), 20); ++i) FAIL_CHECK(wrong[i]);
  CHECK(wrong.size() == 0);
  CHECK(found.tasks.size() > cycles);
}

}  // namespace
}  // namespace quern::crash
