// A disk that fills up and empties again, as the guard and the loop behind it see it.

#include "space_guard.h"

#include <doctest/doctest.h>

#include "stage.h"
#include "support/eventually.h"

namespace quern::test {
namespace {

using server::Readiness;

constexpr std::uint64_t mib = 1 << 20;

// What the test decides; the reserve takes from it.
struct FakeDisk {
  std::atomic<std::uint64_t> free{1'000 * mib};
  std::atomic<std::uint64_t> reserve{0};
};

class FakeSpace final : public server::DiskSpace {
 public:
  explicit FakeSpace(FakeDisk& disk) : disk_(disk) {}
  std::optional<std::uint64_t> free_bytes() override { return disk_.free.load(); }
  bool keep_reserve(std::uint64_t bytes) override {
    disk_.free -= bytes;
    disk_.reserve = bytes;
    return true;
  }
  void give_up_reserve() override { disk_.free += disk_.reserve.exchange(0); }

 private:
  FakeDisk& disk_;
};

// The guard before a real loop on a disk in memory; it looks when it is told to.
struct GuardedLoop {
  FakeDisk disk;
  std::shared_ptr<storage::MemoryDisk> memory = storage::make_memory_disk();
  ManualClock clock;
  SeededRandom random;
  Inbox inbox;
  server::SpaceGuard guard{
      {.low_bytes = 80 * mib, .reserve_bytes = 20 * mib, .interval = std::chrono::hours(1)},
      std::make_unique<FakeSpace>(disk)};
  server::CommitLoop loop{
      {.retry_first = std::chrono::milliseconds(1)},
      guard.guard([this]() -> Result<std::unique_ptr<storage::Store>> {
        return std::unique_ptr<storage::Store>(
            std::make_unique<storage::MemoryStore>(memory, storage::Durability::fsync));
      }),
      random,
      clock};
  engine::Ticket last_ticket = 0;

  GuardedLoop() {
    REQUIRE(loop.open().has_value());
    guard.start(loop);
    loop.start(inbox);
  }
  ~GuardedLoop() {
    guard.stop();
    loop.stop();
  }

  void set_free(std::uint64_t bytes) {
    disk.free = bytes;
    guard.look();
  }
  engine::Outcome call(engine::Command command) {
    const engine::Ticket ticket = ++last_ticket;
    if (Result<void> queued = guard.submit(ticket, std::move(command)); !queued) {
      return queued.error();
    }
    return inbox.await(ticket);
  }
  ErrorCode refusal(engine::Command command) {
    const engine::Outcome outcome = call(std::move(command));
    REQUIRE(std::holds_alternative<Error>(outcome));
    return std::get<Error>(outcome).code;
  }
};

TEST_CASE("a low disk takes no new tasks, gives out the old ones, and goes on when there is room") {
  GuardedLoop g;
  REQUIRE(std::holds_alternative<engine::Submitted>(g.call(new_task("q"))));
  g.set_free(79 * mib);
  CHECK(g.guard.health().readiness == Readiness::read_only);
  CHECK(g.guard.health().reason.find("79 MiB are free") != std::string::npos);
  const engine::Outcome refused = g.call(new_task("q"));
  REQUIRE(std::holds_alternative<Error>(refused));
  CHECK(std::get<Error>(refused).code == ErrorCode::read_only);
  CHECK(std::get<Error>(refused).retry_after_seconds > 0);
  const engine::Outcome leased = g.call(lease_from("q"));
  REQUIRE(std::holds_alternative<engine::Leased>(leased));
  CHECK(std::get<engine::Leased>(leased).tasks.size() == 1);

  g.set_free(90 * mib);  // not yet: not back and forth at the border
  CHECK(g.refusal(new_task("q")) == ErrorCode::read_only);
  g.set_free(200 * mib);
  CHECK(g.guard.health().readiness == Readiness::ready);
  CHECK(std::holds_alternative<engine::Submitted>(g.call(new_task("q"))));
}

TEST_CASE("the reserve is kept when space gets scarce and given up when there is none") {
  GuardedLoop g;
  CHECK(g.disk.reserve == 0);
  g.set_free(300 * mib);
  CHECK(g.disk.reserve == 20 * mib);
  CHECK(g.disk.free == 280 * mib);
  g.set_free(40 * mib);  // low: still kept
  CHECK(g.disk.reserve == 20 * mib);
  g.set_free(2 * mib);
  CHECK(g.disk.reserve == 0);
  CHECK(g.disk.free == 22 * mib);
  const engine::Outcome outcome = g.call(lease_from("q"));
  CHECK(std::holds_alternative<engine::Leased>(outcome));
}

TEST_CASE("without any room no commit is tried, and the loop recovers when there is some") {
  GuardedLoop g;
  REQUIRE(std::holds_alternative<engine::Submitted>(g.call(new_task("q"))));
  g.set_free(300 * mib);
  g.set_free(1 * mib);    // the reserve is given up
  g.disk.free = 1 * mib;  // and somebody else takes that, too, between two looks
  CHECK(g.refusal(lease_from("q")) == ErrorCode::store_unavailable);
  eventually(
      "the loop is without a store", [&] { return g.guard.health().reason; },
      [](const std::string& reason) { return reason.starts_with("recovering"); });
  CHECK(g.guard.health().reason.find("nearly full") != std::string::npos);

  g.disk.free = 500 * mib;
  eventually(
      "the loop has recovered", [&] { return g.loop.health().reason; },
      [](const std::string& reason) { return reason.empty(); });
  g.guard.look();
  CHECK(g.guard.health().readiness == Readiness::ready);
  // What could not be committed never happened.
  const engine::Outcome leased = g.call(lease_from("q"));
  REQUIRE(std::holds_alternative<engine::Leased>(leased));
  CHECK(std::get<engine::Leased>(leased).tasks.size() == 1);
}

}  // namespace
}  // namespace quern::test
