// Power cuts at random moments under random commits: what was acknowledged is there, what is there
// is some first commits of the history, whole, and the store opens by itself.
//
// QUERN_POWER_CYCLES=5000 runs more cuts than the usual number; QUERN_SEED=n replays what is drawn.

#include <doctest/doctest.h>
#include <sys/mman.h>

#include <atomic>
#include <cstdlib>

#include "child_process.h"
#include "committed_history.h"
#include "faulty_disk.h"
#include "store_on_disk.h"
#include "stores.h"

namespace quern::storage::test {
namespace {

std::uint64_t cycles() {
  const char* chosen = std::getenv("QUERN_POWER_CYCLES");
  return chosen == nullptr ? 300 : std::strtoull(chosen, nullptr, 10);
}

struct Totals {
  std::uint64_t cuts = 0;
  std::uint64_t cuts_in_opening = 0;
  std::uint64_t commits = 0;
  std::uint64_t unacknowledged_kept = 0;
  std::uint64_t lost = 0;                // acknowledged commits that a cut took
  std::uint64_t manifests_replaced = 0;  // cuts before which another MANIFEST had been begun
};

// What a child process tells its parent, whenever it ends.
struct Progress {
  std::atomic<bool> opened{false};
  std::atomic<std::uint64_t> manifest{0};  // its number when the store was open
  std::atomic<std::uint64_t> begun{0};
  std::atomic<std::uint64_t> acknowledged{0};
  std::atomic<std::uint64_t> found{0};
};

class SharedProgress {
 public:
  SharedProgress()
      : memory_(::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    REQUIRE(memory_ != MAP_FAILED);
    new (memory_) Progress;
  }
  SharedProgress(const SharedProgress&) = delete;
  SharedProgress& operator=(const SharedProgress&) = delete;
  ~SharedProgress() { ::munmap(memory_, sizeof(Progress)); }
  Progress* operator->() const { return static_cast<Progress*>(memory_); }

 private:
  void* memory_;
};

std::uint64_t manifest_number(const FaultyDisk& disk) {
  constexpr std::size_t prefix = sizeof "MANIFEST-" - 1;
  const std::string current = disk.read("/data/db/CURRENT");
  return current.size() <= prefix ? 0 : std::stoull(current.substr(prefix));
}

struct Conditions {
  RocksOptions options = small_buffers();
  // A store opens within some dozens of calls: about one cut in seven of the usual hits that.
  std::uint64_t calls_max = 400;
};

// One store's life over many cuts.
class Life {
 public:
  Life(std::uint64_t seed, const Conditions& conditions)
      : random_(seed), calls_max_(conditions.calls_max), options_(conditions.options) {}

  // Opens and commits until the power goes, then looks at what is left.
  void cycle() {
    const std::uint64_t seed = random_();
    const SharedProgress progress;
    const SharedFile left;
    const ChildEnd run = run_in_child([&] { return run_until_cut(seed, progress, left); });
    REQUIRE_MESSAGE(run.well, run.how);
    std::mt19937_64 batches(seed);
    for (std::uint64_t i = 0; i < progress->begun; ++i) history_.begin(history_.next(batches));
    for (std::uint64_t i = 0; i < progress->acknowledged; ++i) history_.acknowledge_next();
    totals_.cuts += 1;
    totals_.cuts_in_opening += progress->opened ? 0 : 1;
    totals_.commits += progress->acknowledged;

    disk_ = FaultyDisk::from_image(left.read());
    if (progress->opened && manifest_number(*disk_) != progress->manifest) {
      totals_.manifests_replaced += 1;
    }
    const ChildEnd look = run_in_child([&] { return look_at_disk(progress); });
    REQUIRE_MESSAGE(look.well, look.how);
    const std::uint64_t found = progress->found;
    const std::uint64_t acknowledged = history_.acknowledged();
    if (found < acknowledged) totals_.lost += acknowledged - found;
    if (found > acknowledged) totals_.unacknowledged_kept += found - acknowledged;
    history_.restart_from(found);
  }

  const Totals& totals() const { return totals_; }

 private:
  std::string run_until_cut(std::uint64_t seed, const SharedProgress& progress,
                            const SharedFile& left) {
    std::mt19937_64 cut(~seed);
    const std::uint64_t call = 1 + below(cut, calls_max_);
    const bool after = below(cut, 2) == 0;
    end_with_power(*disk_, call, after, static_cast<Survival>(below(cut, 3)), cut, left);
    Result<std::unique_ptr<Store>> store = open_on(disk_, options_);
    if (!store) return store.error().detail;
    progress->manifest = manifest_number(*disk_);
    progress->opened = true;
    for (std::mt19937_64 batches(seed);;) {
      const Batch batch = history_.next(batches);
      history_.begin(batch);
      ++progress->begun;
      if (Result<void> committed = (*store)->commit(batch); !committed) {
        return committed.error().detail;
      }
      ++progress->acknowledged;
    }
  }

  // The next cycle finds the disk as the cut left it: a child's disk is its own.
  std::string look_at_disk(const SharedProgress& progress) {
    const Result<std::unique_ptr<Store>> store = open_on(disk_, options_);
    if (!store) return store.error().detail;
    progress->found = CommittedHistory::number_in(**store);
    const bool promised = options_.durability == Durability::fsync;
    return history_.compare(**store, promised ? history_.acknowledged() : 0);
  }

  std::mt19937_64 random_;
  const std::uint64_t calls_max_;
  const RocksOptions options_;
  std::shared_ptr<FaultyDisk> disk_ = new_disk();
  CommittedHistory history_;
  Totals totals_;
};

Totals lives(const Conditions& conditions, std::uint64_t seed, std::uint64_t count) {
  constexpr std::uint64_t cycles_of_one = 25;  // then a new store: its making is cut short as well
  Totals sum;
  for (std::uint64_t done = 0; done < count; done += cycles_of_one) {
    Life life(seed + done, conditions);
    for (std::uint64_t i = 0; i < cycles_of_one && done + i < count; ++i) {
      INFO("cut ", i, " of the store with seed ", seed + done);
      life.cycle();
    }
    sum.cuts += life.totals().cuts;
    sum.cuts_in_opening += life.totals().cuts_in_opening;
    sum.commits += life.totals().commits;
    sum.unacknowledged_kept += life.totals().unacknowledged_kept;
    sum.lost += life.totals().lost;
    sum.manifests_replaced += life.totals().manifests_replaced;
  }
  MESSAGE("power cuts ", sum.cuts, " (", sum.cuts_in_opening, " while opening), commits ",
          sum.commits, ", acknowledged and lost ", sum.lost, ", unacknowledged and kept ",
          sum.unacknowledged_kept, "; MANIFEST replaced before ", sum.manifests_replaced);
  return sum;
}

TEST_CASE("after a power cut every acknowledged commit is there, and no half of any other") {
  const std::uint64_t seed = choose_seed();
  MESSAGE("QUERN_SEED=", seed);
  const Totals totals = lives({}, seed, cycles());
  CHECK(totals.lost == 0);
  CHECK(totals.commits > totals.cuts);  // else nothing was tried
}

// Another one's copy of the state, its name in CURRENT and the old one's end can each be cut short.
TEST_CASE("the same where the MANIFEST grows too large again and again") {
  const std::uint64_t seed = choose_seed();
  MESSAGE("QUERN_SEED=", seed);
  Conditions conditions{.calls_max = 4'000};
  conditions.options.manifest_bytes_max = std::size_t{6} << 10;
  const Totals totals = lives(conditions, seed, std::max<std::uint64_t>(cycles() / 6, 50));
  CHECK(totals.lost == 0);
  CHECK(totals.manifests_replaced > 5);
}

// The control: the same cuts must be seen to do harm where nothing is promised.
TEST_CASE("with durability os a power cut loses commits, but from the end only") {
  const std::uint64_t seed = choose_seed();
  MESSAGE("QUERN_SEED=", seed);
  const Totals totals = lives({.options = small_buffers(Durability::os)}, seed,
                              std::max<std::uint64_t>(cycles() / 4, 50));
  CHECK(totals.lost > 0);
}

}  // namespace
}  // namespace quern::storage::test
