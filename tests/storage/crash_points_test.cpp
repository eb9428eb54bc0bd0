// Every call to the disk of a dozen canonical operations as the place of a crash: before it and
// after it took effect, with nothing, everything or a torn part of the unsynced kept. Each time the
// store must open by itself and show some first commits of the history, none of the acknowledged
// missing; and opening it is itself crashed and tried again.
//
// QUERN_CRASH_POINTS=1 tries each point, n each n-th one; QUERN_SEED=n replays what is drawn.

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <set>
#include <stdexcept>
#include <thread>

#include "child_process.h"
#include "committed_history.h"
#include "faulty_disk.h"
#include "store_on_disk.h"
#include "stores.h"

namespace quern::storage::test {
namespace {

// What an operation works with; it is made anew for each crash.
class Site {
 public:
  Site(std::shared_ptr<FaultyDisk> disk, std::uint64_t seed)
      : disk_(std::move(disk)), random_(seed) {}

  void open() {
    Result<std::unique_ptr<Store>> opened = open_on(disk_);
    if (!opened) throw std::runtime_error(opened.error().detail);
    store_ = std::move(*opened);
  }
  void close() { store_.reset(); }

  void commit(Batch batch) {
    batch.writes.push_back(CommittedHistory::number_of(history_.begun() + 1));
    history_.begin(batch);
    const Result<void> committed = store_->commit(batch);
    if (!committed) throw std::runtime_error(committed.error().detail);
    history_.acknowledge_next();
  }
  void commit_some(int count) {
    for (int i = 0; i < count; ++i) commit(history_.next(random_));
  }

  std::set<std::string> table_files() const {
    std::set<std::string> found;
    for (std::string& file : disk_->files()) {
      if (file.ends_with(".sst")) found.insert(std::move(file));
    }
    return found;
  }
  // What RocksDB's threads do by themselves.
  static void await(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline)
        throw std::runtime_error("it never happened");
      std::this_thread::yield();
    }
  }

  FaultyDisk& disk() { return *disk_; }
  CommittedHistory& history() { return history_; }
  void take(std::shared_ptr<FaultyDisk> disk) { disk_ = std::move(disk); }

 private:
  std::shared_ptr<FaultyDisk> disk_;
  std::mt19937_64 random_;
  CommittedHistory history_;
  std::unique_ptr<Store> store_;
};

struct Operation {
  const char* name;
  std::function<void(Site&)> before;  // not crashed
  std::function<void(Site&)> during;
};

Batch batch_of(std::vector<Batch::Write> writes) { return {.writes = std::move(writes)}; }

// More than a memtable holds.
void fill_memtable(Site& site) {
  for (int i = 0; i < 12; ++i) {
    std::vector<Batch::Write> writes;
    for (int j = 0; j < 4; ++j) {
      const std::string key = "fill " + std::to_string(i * 4 + j);
      writes.push_back(put(Table::tasks, key, std::string(3'000, static_cast<char>('a' + j))));
    }
    site.commit(batch_of(std::move(writes)));
  }
}

std::vector<Operation> operations() {
  const auto opened = [](Site& site) { site.open(); };
  const auto furnished = [](Site& site) {
    site.open();
    site.commit_some(10);
  };
  const auto closed = [furnished](Site& site) {
    furnished(site);
    site.close();
  };
  return {
      {"make and open a new store", [](Site&) {}, opened},
      {"open an existing store", closed, opened},
      {"recover what a crash left",
       [furnished](Site& site) {
         furnished(site);
         std::mt19937_64 random(1);
         site.take(site.disk().after_power_cut(Survival::synced_only, random));
       },
       opened},
      {"submit", furnished,
       [](Site& site) { site.commit(batch_of({put(Table::tasks, "task", "body")})); }},
      {"submit a batch with payloads apart", furnished,
       [](Site& site) {
         std::vector<Batch::Write> writes;
         for (int i = 0; i < 20; ++i) {
           const std::string key = "task " + std::to_string(i);
           writes.push_back(put(Table::tasks, key, "body"));
           writes.push_back(put(Table::blobs, key, std::string(8'000, 'p')));
         }
         site.commit(batch_of(std::move(writes)));
       }},
      {"lease and settle", furnished,
       [](Site& site) {
         site.commit(batch_of({put(Table::running, "task", "lease")}));
         site.commit(batch_of({erase(Table::running, "task"), put(Table::status, "task", "done")}));
       }},
      {"purge", furnished,
       [](Site& site) {
         std::vector<Batch::Write> writes;
         for (int i = 0; i < 200; ++i) {
           for (const Table table : {Table::tasks, Table::ready, Table::blobs}) {
             writes.push_back(erase(table, "key " + std::to_string(i)));
           }
         }
         site.commit(batch_of(std::move(writes)));
       }},
      {"roll the log and flush a memtable", opened,
       [](Site& site) {
         const std::size_t before = site.table_files().size();
         fill_memtable(site);
         site.await([&] { return site.table_files().size() > before; });
       }},
      {"flush and compact", opened,
       [](Site& site) {
         // Four files of level 0 are compacted into one, and are gone then.
         std::set<std::string> seen;
         for (int i = 0; i < 6; ++i) {
           fill_memtable(site);
           seen.merge(site.table_files());
         }
         site.await([&] {
           std::set<std::string> now = site.table_files();
           const bool some_gone = !std::includes(now.begin(), now.end(), seen.begin(), seen.end());
           seen.merge(now);
           return some_gone;
         });
       }},
      {"close", furnished, [](Site& site) { site.close(); }},
      {"close after a flush",
       [](Site& site) {
         site.open();
         fill_memtable(site);
       },
       [](Site& site) { site.close(); }},
      {"stop and start again", furnished,
       [](Site& site) {
         site.close();
         site.open();
         site.commit_some(2);
       }},
  };
}

struct Crash {
  std::uint64_t call = 0;
  bool after = false;
  Survival survival = Survival::synced_only;
};

// How many calls `operation` makes: about, since RocksDB's threads have a say in it.
std::uint64_t calls_of(const Operation& operation) {
  const SharedFile count;
  const ChildEnd end = run_in_child([&] {
    Site site(new_disk(), 1);
    operation.before(site);
    const std::uint64_t before = site.disk().call_count();
    operation.during(site);
    // A disk that took another's place counts from its own beginning.
    const std::uint64_t now = site.disk().call_count();
    count.write(std::to_string(now > before ? now - before : now));
    return std::string();
  });
  REQUIRE_MESSAGE(end.well, end.how);
  return std::stoull(count.read());
}

class Tried {
 public:
  void one(const Operation& operation, const Crash& crash, std::uint64_t seed) {
    INFO(std::string(operation.name), ", call ", crash.call,
         std::string(crash.after ? ", after it" : ", before it"), ", survival ",
         static_cast<int>(crash.survival));
    const SharedFile left;
    const SharedFile counts;
    const ChildEnd run =
        run_in_child([&] { return crash_in(operation, crash, seed, left, counts); });
    REQUIRE_MESSAGE(run.well, run.how);
    const std::string image = left.read();
    if (image.empty()) return;  // the operation made fewer calls this time
    const ChildEnd look = run_in_child(
        [&] { return look_at(operation, FaultyDisk::from_image(image), counts.read()); });
    REQUIRE_MESSAGE(look.well, look.how);
    ++count_;
    if (crash.call % 5 == 0) crash_recovery(operation, image, counts, seed + crash.call);
  }

  std::uint64_t count() const { return count_; }

 private:
  static std::string counts_of(const CommittedHistory& history) {
    return std::to_string(history.begun()) + " " + std::to_string(history.acknowledged());
  }

  static std::string crash_in(const Operation& operation, const Crash& crash, std::uint64_t seed,
                              const SharedFile& left, const SharedFile& counts) {
    Site site(new_disk(), 1);
    operation.before(site);
    std::mt19937_64 random(seed);
    site.disk().cut_power_at(site.disk().call_count() + crash.call, crash.after);
    site.disk().on_power_cut([&] {
      counts.write(counts_of(site.history()));
      left.write(site.disk().after_power_cut(crash.survival, random)->image());
      ::_exit(0);
    });
    operation.during(site);
    ::_exit(0);  // without closing: that would be another operation
  }

  // The same history as the one that was crashed, since batches are drawn from the same seed.
  static std::string look_at(const Operation& operation, std::shared_ptr<FaultyDisk> disk,
                             const std::string& counts) {
    Site twin(new_disk(), 1);
    operation.before(twin);
    operation.during(twin);
    const Result<std::unique_ptr<Store>> store = open_on(disk);
    if (!store) return store.error().detail;
    const std::uint64_t begun = std::stoull(counts);
    const std::uint64_t acknowledged = std::stoull(counts.substr(counts.find(' ')));
    if (CommittedHistory::number_in(**store) > begun) return "a commit that was never begun";
    return twin.history().compare(**store, acknowledged);
  }

  // The recovery is crashed in its turn, at some call.
  void crash_recovery(const Operation& operation, const std::string& image,
                      const SharedFile& counts, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const SharedFile left;
    const std::uint64_t call = 1 + below(random, 40);
    const ChildEnd run = run_in_child([&]() -> std::string {
      const std::shared_ptr<FaultyDisk> disk = FaultyDisk::from_image(image);
      end_with_power(*disk, call, below(random, 2) == 0, static_cast<Survival>(below(random, 3)),
                     random, left);
      const auto store = open_on(disk);
      if (!store) return store.error().detail;
      ::_exit(0);
    });
    REQUIRE_MESSAGE(run.well, run.how);
    const std::string again = left.read();
    if (again.empty()) return;
    const ChildEnd look = run_in_child(
        [&] { return look_at(operation, FaultyDisk::from_image(again), counts.read()); });
    INFO("and recovery crashed at its call ", call);
    REQUIRE_MESSAGE(look.well, look.how);
    ++count_;
  }

  std::uint64_t count_ = 0;
};

TEST_CASE(
    "a crash at any call to the disk loses nothing acknowledged and leaves nothing half done") {
  const std::uint64_t seed = choose_seed();
  MESSAGE("QUERN_SEED=", seed);
  const char* chosen = std::getenv("QUERN_CRASH_POINTS");
  const std::uint64_t stride = chosen == nullptr ? 29 : std::strtoull(chosen, nullptr, 10);
  Tried tried;
  std::uint64_t point = 0;
  std::uint64_t calls = 0;
  for (const Operation& operation : operations()) {
    const std::uint64_t count = calls_of(operation);
    CHECK(count > 0);
    calls += count;
    for (std::uint64_t call = 1; call <= count; ++call) {
      for (const bool after : {false, true}) {
        for (const Survival survival :
             {Survival::synced_only, Survival::everything, Survival::torn}) {
          if ((point++ + seed) % stride != 0) continue;
          tried.one(operation, {call, after, survival}, seed + point);
        }
      }
    }
  }
  MESSAGE("calls ", calls, ", crash points ", point, ", tried and found whole ", tried.count());
  CHECK(tried.count() > 0);
}

}  // namespace
}  // namespace quern::storage::test
