// Logs that no longer tell one story: one lost its end, or all it held, and the next one goes on.
// RocksDB would open such a store with a hole in its history, or with less of it, and say nothing.
#include <doctest/doctest.h>

#include <algorithm>

#include "child_process.h"
#include "committed_history.h"
#include "log_inspection.h"
#include "store_on_disk.h"
#include "stores.h"

namespace quern::storage::test {
namespace {

struct TwoLogs {
  std::shared_ptr<FaultyDisk> disk;
  std::string first;  // the path of the older one; both hold commits that no table has
  CommittedHistory history;
};

std::vector<std::string> logs_with_something(const FaultyDisk& disk) {
  std::vector<std::string> logs = disk.files();
  std::erase_if(logs, [&](const std::string& path) {
    return !path.ends_with(".log") || disk.read(path).empty();
  });
  std::sort(logs.begin(), logs.end());
  return logs;
}

// A family's memtable is full and becomes a table, so a log begins; the other families still need
// the one before.
TwoLogs make_two_logs(Durability durability) {
  constexpr std::uint64_t seed = 3;
  const SharedFile image;
  const SharedFile count;
  const ChildEnd end = run_in_child([&] {
    const std::shared_ptr<FaultyDisk> disk = new_disk();
    const auto store = open_on(disk, small_buffers(durability));
    if (!store) return store.error().detail;
    CommittedHistory history;
    std::mt19937_64 random(seed);
    while (logs_with_something(*disk).size() < 2) {
      const Batch batch = history.next(random);
      history.begin(batch);
      if (Result<void> done = (*store)->commit(batch); !done) return done.error().detail;
    }
    image.write(disk->image());
    count.write(std::to_string(history.begun()));
    return std::string();
  });
  REQUIRE_MESSAGE(end.well, end.how);
  TwoLogs logs{.disk = FaultyDisk::from_image(image.read()), .first = {}, .history = {}};
  logs.first = logs_with_something(*logs.disk).front();
  std::mt19937_64 random(seed);
  for (std::uint64_t left = std::stoull(count.read()); left > 0; --left) {
    logs.history.begin(logs.history.next(random));
    logs.history.acknowledge_next();
  }
  return logs;
}

// The log without its last record: not damaged, only shorter.
void cut_last_record(FaultyDisk& disk, const std::string& path, const Files& files) {
  const std::string bytes = disk.read(path);
  // Without its last byte it is intact up to there.
  disk.write(path, bytes.substr(0, bytes.size() - 1));
  const std::uint64_t intact = inspect_log(files, path, LogDepth::checksums)->intact_bytes;
  disk.write(path, bytes.substr(0, intact));
  REQUIRE_FALSE(inspect_log(files, path, LogDepth::checksums)->damaged);
}

enum class Loss : std::uint8_t { last_record, everything };

void lose(const TwoLogs& logs, Loss loss) {
  if (loss == Loss::everything) return logs.disk->write(logs.first, "");
  cut_last_record(*logs.disk, logs.first, files_on(logs.disk));
}

TEST_CASE("a log that ends too early, with another behind it, keeps the store from opening") {
  for (const Loss loss : {Loss::last_record, Loss::everything}) {
    CAPTURE(static_cast<int>(loss));
    const TwoLogs logs = make_two_logs(Durability::fsync);
    lose(logs, loss);
    const std::string before = logs.disk->image();
    const ChildEnd end = run_in_child([&]() -> std::string {
      const auto store = open_on(logs.disk);
      if (store) return "it opened";
      const std::string& detail = store.error().detail;
      if (store.error().code != ErrorCode::store_corrupt) return detail;
      // RocksDB knows how long a log was that it let go of.
      const std::string number = std::to_string(std::stoull(logs.first.substr(sizeof "/data/db")));
      if (detail.find("log number: " + number) == std::string::npos) return detail;
      if (detail.find("--accept-data-loss") == std::string::npos) return detail;
      return logs.disk->image() == before ? "" : "something was changed";
    });
    CHECK_MESSAGE(end.well, end.how);
  }
}

// What tables have and logs have not is for the doctor's repair then.
TEST_CASE("with data loss accepted the store opens before the gap, the rest is kept aside") {
  for (const Loss loss : {Loss::last_record, Loss::everything}) {
    CAPTURE(static_cast<int>(loss));
    TwoLogs logs = make_two_logs(Durability::fsync);
    lose(logs, loss);
    const ChildEnd end = run_in_child([&]() -> std::string {
      std::string notice;
      RocksOptions options = small_buffers();
      options.accept_data_loss = true;
      options.on_notice = [&](const std::string& text) { notice += text; };
      const auto store = open_on(logs.disk, options);
      if (!store) return store.error().detail;
      for (const char* part : {"data loss accepted", "ends too early", "goes on with write"}) {
        if (notice.find(part) == std::string::npos) return "notice: " + notice;
      }
      const std::vector<std::string> files = logs.disk->files();
      const auto kept = std::count_if(files.begin(), files.end(), [](const std::string& path) {
        return path.starts_with("/data/damaged/");
      });
      if (kept < 2) return "the logs were not kept";
      return CommittedHistory::number_in(**store) < logs.history.begun() ? "" : "nothing was lost";
    });
    CHECK_MESSAGE(end.well, end.how);
  }
}

// Nothing was promised, but what is there must be some first commits all the same. When a table was
// made meanwhile, the older log was synced for that, and is missed.
TEST_CASE("with durability os a log that lost its end is cut there, or missed if it was synced") {
  TwoLogs logs = make_two_logs(Durability::os);
  lose(logs, Loss::last_record);
  const ChildEnd end = run_in_child([&]() -> std::string {
    std::string notice;
    RocksOptions options = small_buffers(Durability::os);
    options.on_notice = [&](const std::string& text) { notice += text; };
    const auto store = open_on(logs.disk, options);
    if (!store) {
      const std::string& detail = store.error().detail;
      return detail.find("--accept-data-loss") == std::string::npos ? detail : "";
    }
    if (notice.find("cut off there") == std::string::npos) return "notice: " + notice;
    return logs.history.compare(**store, 0);
  });
  CHECK_MESSAGE(end.well, end.how);
}

}  // namespace
}  // namespace quern::storage::test
