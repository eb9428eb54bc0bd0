// A store is opened while its disk fails: each call that an opening makes, one after another, fails
// once. Then it opens all the same or says why not, and once the disk is well again it opens and
// holds all that was acknowledged.
#include <doctest/doctest.h>

#include <functional>

#include "child_process.h"
#include "committed_history.h"
#include "store_on_disk.h"
#include "stores.h"

namespace quern::storage::test {
namespace {

struct Found {
  const char* how;
  std::function<void(FaultyDisk& disk)> spoil;  // after a crash; nullptr: there was no store yet
};

// The newest of the files whose names start and end so.
std::string newest(const FaultyDisk& disk, const std::string& start, const std::string& end) {
  std::string found;
  for (const std::string& path : disk.files()) {
    if (path.starts_with("/data/db/" + start) && path.ends_with(end)) {
      found = std::max(found, path);
    }
  }
  return found;
}

// A fragment whose end is missing, as a power cut leaves it.
void append_half_a_record(FaultyDisk& disk, const std::string& path) {
  disk.write(path, disk.read(path) + std::string("\x01\x02\x03\x04\x40\x00\x01half", 11));
}

std::vector<Found> all_found() {
  return {
      {"no store", nullptr},
      {"a store after a crash", [](FaultyDisk&) {}},
      {"a log that was torn",
       [](FaultyDisk& disk) { append_half_a_record(disk, newest(disk, "", ".log")); }},
      {"a MANIFEST that was torn",
       [](FaultyDisk& disk) { append_half_a_record(disk, newest(disk, "MANIFEST", "")); }},
  };
}

constexpr std::uint64_t commit_count = 40;

CommittedHistory the_history() {
  CommittedHistory history;
  std::mt19937_64 random(5);
  for (std::uint64_t i = 0; i < commit_count; ++i) {
    history.begin(history.next(random));
    history.acknowledge_next();
  }
  return history;
}

std::string image_of(const Found& found) {
  const SharedFile image;
  const ChildEnd end = run_in_child([&]() -> std::string {
    const std::shared_ptr<FaultyDisk> disk = new_disk();
    if (found.spoil) {
      const auto store = open_on(disk);
      if (!store) return store.error().detail;
      CommittedHistory history;
      std::mt19937_64 random(5);
      for (std::uint64_t i = 0; i < commit_count; ++i) {
        const Batch batch = history.next(random);
        history.begin(batch);
        if (!(*store)->commit(batch)) return "a commit failed";
      }
      image.write(disk->image());  // as a crash leaves it
      return "";
    }
    image.write(disk->image());
    return "";
  });
  REQUIRE_MESSAGE(end.well, end.how);
  const std::shared_ptr<FaultyDisk> disk = FaultyDisk::from_image(image.read());
  if (found.spoil) found.spoil(*disk);
  return disk->image();
}

std::string look(const Found& found, const Store& store) {
  return found.spoil ? the_history().compare(store, commit_count) : "";
}

// "" when it went as it must; "past the end" when the opening makes fewer such calls.
std::string try_with(const Found& found, const std::shared_ptr<FaultyDisk>& disk, DiskCall call,
                     std::uint64_t skip) {
  disk->fail({.ending = "", .call = call, .skip = skip});
  {
    const auto store = open_on(disk);
    if (store && disk->failed_count() == 0) return "past the end";
    if (store) {
      if (std::string wrong = look(found, **store); !wrong.empty()) return "opened, and " + wrong;
    } else if (store.error().detail.size() < 20) {
      return "it does not say why: " + store.error().detail;
    }
  }
  disk->heal();
  const auto store = open_on(disk);
  if (!store) return "not even on a disk that is well: " + store.error().detail;
  return look(found, **store);
}

TEST_CASE("an opening of which any call to the disk fails loses nothing") {
  std::uint64_t tried = 0;
  for (const Found& found : all_found()) {
    const std::string image = image_of(found);
    for (const DiskCall call :
         {DiskCall::create, DiskCall::append, DiskCall::sync, DiskCall::truncate, DiskCall::rename,
          DiskCall::remove, DiskCall::make_folder, DiskCall::sync_folder, DiskCall::read}) {
      for (std::uint64_t skip = 0;; ++skip) {
        INFO(std::string(found.how), ", call ", static_cast<int>(call), " number ", skip + 1);
        const SharedFile said;
        const ChildEnd end = run_in_child([&] {
          said.write(try_with(found, FaultyDisk::from_image(image), call, skip));
          return std::string();
        });
        // An assertion of the packaged RocksDB ends the server, too.
        REQUIRE_MESSAGE((end.well || end.how == "signal 6"), end.how);
        if (end.well && said.read() == "past the end") break;
        ++tried;
        if (end.well) CHECK(said.read() == "");
      }
    }
  }
  MESSAGE("calls that failed while a store was opened: ", tried);
  CHECK(tried > 200);
}

}  // namespace
}  // namespace quern::storage::test
