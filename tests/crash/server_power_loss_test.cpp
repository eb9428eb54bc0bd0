// The real server loses power under load, again and again, each time at another call to its disk,
// and is started again on what the disk kept, on the same port. Then the checker compares all that
// is in it with all that its clients were told, as after kill -9, and the server audits itself.
//
// QUERN_POWER_CYCLES  power cuts (12); ctest's time limit is made for that many
// QUERN_SEED          what the clients do and when the power goes (drawn anew each time, and
//                     printed)
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "checker.h"
#include "crew.h"
#include "support/eventually.h"
#include "support/http_client.h"
#include "support/server.h"
#include "support/temp_dir.h"

namespace quern::crash {
namespace {

namespace fs = std::filesystem;

// A machine whose power can be cut: its disk outlives its server.
class Machine {
 public:
  Machine(std::string durability, std::mt19937_64& random)
      : durability_(std::move(durability)), random_(random) {}

  std::uint16_t port() const { return port_; }
  std::uint64_t cuts_in_opening() const { return cuts_in_opening_; }

  void start() { launch(0); }

  // Starts, and returns when the power has gone: at one of the next `calls_max` calls to the disk.
  void run_until_power_cut(std::uint64_t calls_max) {
    const fs::path left = disk_after(1);
    try {
      launch(1 + below(calls_max));
    } catch (const std::runtime_error&) {
      // While it was opening its store, or something is really wrong.
      if (!fs::exists(left)) throw;
      ++cuts_in_opening_;
    }
    if (server_) server_->wait_exit();
    end_server(left);
  }

  void stop() {
    const fs::path left = disk_after(1);
    server_->terminate();
    end_server(left);
  }

 private:
  std::uint64_t below(std::uint64_t limit) {
    return std::uniform_int_distribution<std::uint64_t>(0, limit - 1)(random_);
  }
  fs::path disk_after(int more) const {
    return folder_.path() / ("disk-" + std::to_string(disk_ + more));
  }

  void launch(std::uint64_t call) {
    server_.reset();
    server_.emplace(
        std::vector<std::string>{disk_after(0).string(), disk_after(1).string(),
                                 std::to_string(call), std::to_string(below(2)),
                                 std::to_string(below(3)), std::to_string(random_()), "--listen",
                                 "127.0.0.1:" + std::to_string(port_), "--data",
                                 folder_.path().string(), "--durability", durability_,
                                 "--space-reserve-bytes", "0", "--space-low-bytes", "1048576"},
        test::Environment{}, folder_.path() / "log", POWER_QUERND);
    port_ = server_->port();
  }

  void end_server(const fs::path& left) {
    if (!fs::exists(left)) {
      throw std::runtime_error("the server ended before the power went:\n" +
                               (server_ ? server_->log() : ""));
    }
    server_.reset();
    fs::remove(disk_after(0));
    ++disk_;
  }

  const std::string durability_;
  std::mt19937_64& random_;
  test::TempDir folder_;
  std::optional<test::Server> server_;
  std::uint16_t port_ = 0;  // the first start's
  int disk_ = 0;
  std::uint64_t cuts_in_opening_ = 0;
};

struct Result {
  std::uint64_t cuts_in_opening = 0;
  std::vector<std::string> violations;
  std::string findings;  // the server's own
};

// One disk's life: so many cuts under load, then its tasks are finished and everything is read.
Result live(const std::string& durability, std::uint64_t cuts, std::mt19937_64& random,
            Totals& totals) {
  const fs::path journals = QUERN_CRASH_JOURNALS;
  fs::remove_all(journals);
  fs::create_directories(journals);
  Machine machine(durability, random);
  machine.start();
  configure_queues(machine.port());
  machine.stop();
  Crew producers(run_producer, machine.port(), journals, 100, random);
  Crew workers(run_worker, machine.port(), journals, 200, random);
  for (std::uint64_t cut = 0; cut < cuts; ++cut) {
    // One in four in the first calls: those of opening and of the first commits.
    machine.run_until_power_cut(random() % 4 == 0 ? 120 : 2'000);
  }

  machine.start();
  producers.stop();
  test::eventually(
      "all tasks are finished", [&] { return count_unfinished(machine.port()); },
      [](std::int64_t count) { return count == 0; });
  workers.stop();
  Result result{.cuts_in_opening = machine.cuts_in_opening()};
  const std::vector<Call> calls = all_calls(producers, workers);
  const Found found = read_everything(machine.port());
  totals.add(calls, found);
  result.violations = violations(calls, found);
  test::Client client(machine.port(), test::Client::Log::off);
  const test::Json audit = client.get("/admin/doctor").json();
  if (audit["sound"] != true) result.findings = audit.dump();
  machine.stop();
  return result;
}

TEST_CASE("a server that loses power under load loses nothing that it answered") {
  const std::uint64_t seed = number_from("QUERN_SEED", std::random_device{}());
  const std::uint64_t cuts = number_from("QUERN_POWER_CYCLES", 12);
  // A disk's history grows with every cut, and with it what the checker holds.
  constexpr std::uint64_t cuts_of_a_disk = 25;
  std::cout << "QUERN_SEED=" << seed << std::endl;
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  Totals totals;
  std::uint64_t in_opening = 0;
  for (std::uint64_t done = 0; done < cuts;) {
    const std::uint64_t now = std::min(cuts_of_a_disk, cuts - done);
    const Result result = live("fsync", now, random, totals);
    done += now;
    in_opening += result.cuts_in_opening;
    std::cout << done << " power cuts, " << in_opening << " while opening; " << totals.text()
              << std::endl;
    MESSAGE("what each client did is in ", QUERN_CRASH_JOURNALS);
    for (std::size_t i = 0; i < std::min<std::size_t>(result.violations.size(), 20); ++i) {
      FAIL_CHECK(result.violations[i]);
    }
    REQUIRE(result.violations.empty());
    REQUIRE(result.findings == "");
  }
  CHECK(totals.tasks_found > cuts);
}

TEST_CASE("with durability os the same is seen to lose, so losses would be seen") {
  const std::uint64_t seed = number_from("QUERN_SEED", std::random_device{}());
  std::cout << "QUERN_SEED=" << seed << std::endl;
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  Totals totals;
  std::size_t lost = 0;
  // Of a cut in three everything survives, and now and then nothing had been answered.
  for (int disks = 0; disks < 5 && lost == 0; ++disks) {
    const Result result = live("os", 4, random, totals);
    lost += static_cast<std::size_t>(
        std::count_if(result.violations.begin(), result.violations.end(),
                      [](const std::string& text) { return text.starts_with("lost"); }));
    CHECK(result.findings == "");
  }
  CHECK(lost > 0);
}

}  // namespace
}  // namespace quern::crash
