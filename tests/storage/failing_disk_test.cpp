// Calls to the disk that fail: no commit is acknowledged after the error, and what was acknowledged
// before it is there when the store is opened again.

#include <doctest/doctest.h>

#include "child_process.h"
#include "committed_history.h"
#include "faulty_disk.h"
#include "store_on_disk.h"
#include "stores.h"

namespace quern::storage::test {
namespace {

struct Row {
  const char* what;
  FaultyDisk::Fault fault;
};

std::vector<Row> rows() {
  const auto io_error = rocksdb::IOStatus::IOError("input/output error");
  const auto full = rocksdb::IOStatus::NoSpace("full");
  const auto fault = [](const char* ending, DiskCall call, rocksdb::IOStatus status,
                        bool for_good) {
    return FaultyDisk::Fault{.ending = ending,
                             .call = call,
                             .skip = 0,
                             .status = std::move(status),
                             .for_good = for_good};
  };
  return {
      {"sync of the log", fault(".log", DiskCall::sync, io_error, false)},
      {"sync of the log, for good", fault(".log", DiskCall::sync, io_error, true)},
      {"sync of the MANIFEST", fault("MANIFEST", DiskCall::sync, io_error, true)},
      {"write of the MANIFEST", fault("MANIFEST", DiskCall::append, io_error, true)},
      {"making a log", fault(".log", DiskCall::create, io_error, true)},
      {"sync of the mark", fault("synced", DiskCall::sync, io_error, false)},
      {"write of the mark", fault("synced", DiskCall::append, io_error, false)},
      {"sync of a table file", fault(".sst", DiskCall::sync, io_error, false)},
      {"making a table file", fault(".sst", DiskCall::create, io_error, false)},
      {"no space for a table file, once", fault(".sst", DiskCall::append, full, false)},
  };
}

// Commits until one fails, or many more than fit into a memtable were taken. Then heals the disk,
// opens again and compares.
std::string run(const Row& row, std::uint64_t seed) {
  const std::shared_ptr<FaultyDisk> disk = new_disk();
  CommittedHistory history;
  std::mt19937_64 random(seed);
  {
    auto store = open_on(disk);
    if (!store) return store.error().detail;
    const auto commit = [&] {
      const Batch batch = history.next(random);
      history.begin(batch);
      const bool done = (*store)->commit(batch).has_value();
      if (done) history.acknowledge_next();
      return done;
    };
    for (int i = 0; i < 10; ++i) {
      if (!commit()) return "a commit failed before there was a fault";
    }
    disk->fail(row.fault);
    bool failed = false;
    for (int i = 0; i < 3'000 && !failed; ++i) {
      failed = !commit();
    }
    if (disk->failed_count() == 0) return "the fault was never met";
    if (!failed) return "commits went on";
    disk->heal();
    for (int i = 0; failed && i < 20; ++i) {
      if (commit()) return "a commit was acknowledged after the error";
    }
  }
  auto store = open_on(disk);
  if (!store) return store.error().detail;
  return history.compare(**store, history.acknowledged());
}

TEST_CASE("no commit is acknowledged after the disk failed, and all before it are there") {
  for (const Row& row : rows()) {
    CAPTURE(std::string(row.what));
    const ChildEnd end = run_in_child([&] { return run(row, 7); });
    CHECK_MESSAGE(end.well, end.how);
  }
}

// Where the library aborts instead of returning an error, the process is gone and with it every
// promise to keep: what was acknowledged must be on the disk all the same.
TEST_CASE("a log that can no longer be written to ends the commits or the process") {
  for (const bool half : {false, true}) {
    for (const auto& status :
         {rocksdb::IOStatus::IOError("input/output error"), rocksdb::IOStatus::NoSpace("full")}) {
      CAPTURE(half);
      CAPTURE(status.ToString());
      const ChildEnd end = run_in_child([&] {
        return run({"write of the log",
                    {.ending = ".log",
                     .call = DiskCall::append,
                     .status = status,
                     .for_good = true,
                     .half_done = half}},
                   7);
      });
      CHECK_MESSAGE((end.well || end.how == "signal 6"), end.how);
    }
  }
}

}  // namespace
}  // namespace quern::storage::test
