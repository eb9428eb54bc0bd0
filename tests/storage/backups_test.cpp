// Backups of a real store: made beside commits, shared, checked, pruned, restored.
#include "quern/storage/backups.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "flip_byte.h"
#include "quern/storage/keys.h"
#include "quern/storage/records.pb.h"
#include "quern/storage/rocks_store.h"
#include "stores.h"

namespace quern::storage::test {
namespace {

namespace fs = std::filesystem;

using Contents = std::map<std::string, std::string>;

const Table table = Table::tasks;
constexpr Timestamp noon{1'800'000'000'000};

std::string key_of(int number) { return "key " + std::to_string(100'000 + number); }

Contents contents(const Reader& reader) {
  Contents all;
  const auto keep = [&](std::string_view key, std::string_view value) {
    all.emplace(key, value);
    return true;
  };
  REQUIRE(reader.scan(table, Range{}, keep).has_value());
  return all;
}

bool says(const Error& error, std::string_view part) {
  return error.detail.find(part) != std::string::npos;
}

template <typename T>
T must(Result<T> result) {
  if (!result) FAIL(result.error().detail);
  return *std::move(result);
}

// A store that is open, the directory of its backups, and room to restore them in.
class Site {
 public:
  Site() { open(); }

  void open() {
    store_ = must(open_rocks_store({.directory = temp_.path() / "data", .backup_source = source}));
  }
  void close() { store_.reset(); }
  Store& store() { return *store_; }

  void put_keys(int begin, int end, std::size_t size = 500) {
    constexpr int at_once = 100;
    for (int i = begin; i < end; i += at_once) {
      std::vector<Batch::Write> writes;
      for (int key = i; key < std::min(end, i + at_once); ++key) {
        writes.push_back(put(table, key_of(key), text_of(key, size)));
      }
      commit(*store_, std::move(writes));
    }
  }
  // Incompressible, so that files have the size that one thinks.
  static std::string text_of(int number, std::size_t size) {
    std::string text;
    std::uint64_t z = static_cast<std::uint64_t>(number) * 0x9E3779B97F4A7C15 + 1;
    while (text.size() < size) {
      z ^= z << 13;
      z ^= z >> 7;
      z ^= z << 17;
      text += static_cast<char>(z >> 32);
    }
    return text;
  }

  BackupWriter& writer() {
    if (!writer_) writer_ = must(BackupWriter::open({.directory = backups()}));
    return *writer_;
  }
  void drop_writer() { writer_.reset(); }
  Backup back_up(Timestamp now = noon) { return must(writer().create(*source, now, {})); }

  Restoration restoration(const std::string& name, std::optional<std::uint32_t> id = {}) const {
    return {.backups = backups(), .id = id, .data = temp_.path() / name, .prepare = [](Store&) {
              return Result<void>();
            }};
  }
  // What a server that starts on the restored directory finds, and the next one again.
  Contents restored(const std::string& name, std::optional<std::uint32_t> id = {}) const {
    must(restore_backup(restoration(name, id)));
    const auto look = [&] {
      return contents(*must(open_rocks_store({.directory = temp_.path() / name})));
    };
    const Contents found = look();
    CHECK(look() == found);
    return found;
  }

  fs::path backups() const { return temp_.path() / "backups"; }
  fs::path path(const std::string& name) const { return temp_.path() / name; }
  std::vector<fs::path> files_of_backups() const {
    std::vector<fs::path> files;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(backups())) {
      const std::string name = entry.path().filename();
      if (entry.is_regular_file() && name != "quernd.pid") files.push_back(entry.path());
    }
    std::ranges::sort(files);
    return files;
  }

  std::shared_ptr<BackupSource> source = make_backup_source();

 private:
  quern::test::TempDir temp_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<BackupWriter> writer_;
};

// --- making and restoring -----------------------------------------------------------------------

TEST_CASE("a backup holds what was committed before it, and a server starts on what it restores") {
  Site site;
  site.put_keys(0, 200);
  const Contents before = contents(site.store());
  const Backup backup = site.back_up();
  CHECK(backup.id == 1);
  CHECK(backup.created_at == noon);
  CHECK_FALSE(backup.damaged);
  CHECK(backup.bytes > 200 * 500);
  CHECK(backup.own_bytes == backup.bytes);
  CHECK(backup.store_id.size() == 32);
  site.put_keys(200, 300);
  CHECK(site.restored("elsewhere") == before);
  CHECK(contents(site.store()).size() == 300);
}

TEST_CASE("the directory of the backups is all that a restore needs") {
  Site site;
  site.put_keys(0, 10);
  site.back_up();
  site.close();
  site.drop_writer();
  fs::remove_all(site.path("data"));
  fs::rename(site.backups(), site.path("moved"));
  Restoration restoration = site.restoration("elsewhere");
  restoration.backups = site.path("moved");
  must(restore_backup(restoration));
  const auto store = must(open_rocks_store({.directory = site.path("elsewhere")}));
  CHECK(contents(*store).size() == 10);
}

TEST_CASE("a later backup shares the files that did not change") {
  Site site;
  site.put_keys(0, 2'000, 2'000);
  const Backup first = site.back_up();
  site.put_keys(2'000, 2'010);
  const Backup second = site.back_up(Timestamp{noon.ms + 1});
  CHECK(second.bytes > first.bytes);
  CHECK(second.own_bytes < second.bytes / 10);
  const std::vector<Backup> all = must(list_backups(site.backups()));
  REQUIRE(all.size() == 2);
  CHECK(all[0].id == 2);
  CHECK(all[1].id == 1);
  CHECK(all[1].own_bytes < all[1].bytes / 10);  // now that there is another
  CHECK(site.restored("first", 1).size() == 2'000);
  CHECK(site.restored("second", 2).size() == 2'010);
}

TEST_CASE("commits go on while backups are made, and each holds a prefix of them") {
  Site site;
  std::atomic<int> committed{0};
  std::atomic<bool> done{false};
  std::thread committing([&] {
    // Two keys a commit: a half of one is seen.
    for (int i = 0; !done; ++i) {
      commit(site.store(), {put(table, key_of(2 * i), Site::text_of(i, 300)),
                            put(table, key_of(2 * i + 1), Site::text_of(i, 300))});
      committed = i + 1;
    }
  });
  struct Bounds {
    int before;
    int after;
  };
  std::vector<Bounds> bounds;
  for (int i = 0; i < 5; ++i) {
    const int before = committed;
    site.back_up();
    bounds.push_back({before, committed});
  }
  done = true;
  committing.join();
  for (std::uint32_t id = 1; id <= bounds.size(); ++id) {
    CAPTURE(id);
    const Contents found = site.restored("restored " + std::to_string(id), id);
    const int count = static_cast<int>(found.size()) / 2;
    CHECK(found.size() % 2 == 0);
    CHECK(count >= bounds[id - 1].before);
    CHECK(count <= bounds[id - 1].after + 1);
    for (int i = 0; i < 2 * count; ++i) REQUIRE(found.contains(key_of(i)));
  }
}

TEST_CASE("what is restored is prepared before anybody can open it") {
  Site site;
  site.put_keys(0, 3);
  site.back_up();
  Restoration restoration = site.restoration("elsewhere");
  restoration.prepare = [](Store& store) {
    return store.commit({.writes = {{.table = table, .key = "prepared", .value = "yes"}}});
  };
  must(restore_backup(restoration));
  const auto store = must(open_rocks_store({.directory = site.path("elsewhere")}));
  CHECK(contents(*store).at("prepared") == "yes");
  CHECK_FALSE(fs::exists(site.path("elsewhere") / "restoring"));
}

TEST_CASE("a restored store goes on with the backups of the one that it comes from") {
  Site site;
  site.put_keys(0, 3);
  const Backup first = site.back_up();
  must(restore_backup(site.restoration("elsewhere")));
  const auto source = make_backup_source();
  const auto store =
      must(open_rocks_store({.directory = site.path("elsewhere"), .backup_source = source}));
  const Backup second = must(site.writer().create(*source, noon, {}));
  CHECK(second.id == 2);
  CHECK(second.store_id == first.store_id);
}

// --- where to ------------------------------------------------------------------------------------

TEST_CASE("a backup is restored into an empty directory only, and another is left as it is") {
  Site site;
  site.put_keys(0, 3);
  site.back_up();
  fs::create_directory(site.path("empty"));
  CHECK(site.restored("empty").size() == 3);

  const Result<Backup> again = restore_backup(site.restoration("empty"));
  REQUIRE_FALSE(again.has_value());
  CHECK(again.error().code == ErrorCode::store_corrupt);
  CHECK(says(again.error(), "not empty"));
  CHECK(restore_backup(site.restoration("data")).error().code == ErrorCode::store_corrupt);

  fs::create_directory(site.path("foreign"));
  std::ofstream(site.path("foreign") / "letter") << "dear";
  CHECK(says(restore_backup(site.restoration("foreign")).error(), "letter"));
  CHECK(std::distance(fs::directory_iterator(site.path("foreign")), {}) == 1);
}

TEST_CASE("no server starts on a restore that was cut short, and another try begins anew") {
  Site site;
  site.put_keys(0, 3);
  site.back_up();
  Restoration restoration = site.restoration("elsewhere");
  restoration.prepare = [](Store&) -> Result<void> {
    return Error{.code = ErrorCode::internal, .detail = "cut short"};
  };
  CHECK(restore_backup(restoration).error().detail == "cut short");
  const auto opened = open_rocks_store({.directory = site.path("elsewhere")});
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().code == ErrorCode::store_corrupt);
  CHECK(says(opened.error(), "was not finished"));
  // Just before its end, too.
  fs::copy(site.path("elsewhere") / "restoring" / "synced", site.path("elsewhere") / "synced");
  CHECK(site.restored("elsewhere").size() == 3);
}

// --- damage --------------------------------------------------------------------------------------

TEST_CASE("a check finds a flipped byte in any file of a backup, and a restore refuses it") {
  Site site;
  site.put_keys(0, 300);
  site.back_up();
  REQUIRE(must(check_backup_files(site.backups(), 1, {})).empty());
  const std::vector<fs::path> files = site.files_of_backups();
  CHECK(files.size() >= 5);
  for (const fs::path& file : files) {
    CAPTURE(file.string());
    const std::uint64_t at = fs::file_size(file) / 2;
    flip_byte(file, at);
    const Result<std::vector<std::string>> findings = check_backup_files(site.backups(), 1, {});
    if (findings) CHECK_FALSE(findings->empty());
    const Restoration restoration = site.restoration("elsewhere", 1);
    CHECK_FALSE(restore_backup(restoration).has_value());
    CHECK_FALSE(fs::exists(site.path("elsewhere") / "db"));
    flip_byte(file, at);
  }
  CHECK(must(check_backup_files(site.backups(), 1, {})).empty());
  CHECK(site.restored("elsewhere").size() == 300);
}

TEST_CASE("a check changes nothing in the directory") {
  Site site;
  site.put_keys(0, 300);
  site.back_up();
  site.drop_writer();
  const std::vector<fs::path> before = site.files_of_backups();
  must(check_backup_files(site.backups(), 1, {}));
  CHECK(contents(*must(open_backup(site.backups(), 1, {}))).size() == 300);
  must(list_backups(site.backups()));
  CHECK(site.files_of_backups() == before);
}

TEST_CASE("a backup that lost a file is listed as damaged, and the newest whole one is restored") {
  Site site;
  site.put_keys(0, 100);
  site.back_up();
  site.put_keys(100, 200);
  site.back_up();
  for (const fs::path& file : site.files_of_backups()) {
    const std::string name = file.string();
    if (name.find("private/2/") != std::string::npos &&
        name.find("MANIFEST") != std::string::npos) {
      fs::remove(file);
    }
  }
  const std::vector<Backup> all = must(list_backups(site.backups()));
  REQUIRE(all.size() == 2);
  CHECK(all[0].damaged);
  CHECK_FALSE(all[1].damaged);
  CHECK_FALSE(must(check_backup_files(site.backups(), 2, {})).empty());
  CHECK(restore_backup(site.restoration("elsewhere", 2)).error().code == ErrorCode::backup_failed);
  CHECK(site.restored("elsewhere").size() == 100);
}

TEST_CASE("a backup that is not there is not found") {
  Site site;
  CHECK(list_backups(site.backups()).error().code == ErrorCode::backup_failed);
  site.back_up();
  CHECK(check_backup_files(site.backups(), 7, {}).error().code == ErrorCode::backup_not_found);
  CHECK(restore_backup(site.restoration("elsewhere", 7)).error().code ==
        ErrorCode::backup_not_found);
  CHECK_FALSE(fs::exists(site.path("elsewhere")));
}

TEST_CASE("a check ends when it is told to") {
  Site site;
  site.put_keys(0, 300);
  site.back_up();
  std::stop_source stop;
  stop.request_stop();
  CHECK(check_backup_files(site.backups(), 1, stop.get_token()).error().code ==
        ErrorCode::draining);
  CHECK(open_backup(site.backups(), 1, stop.get_token()).error().code == ErrorCode::draining);
}

// --- keeping -------------------------------------------------------------------------------------

TEST_CASE("pruning leaves the newest, with every file that they need") {
  Site site;
  for (int i = 0; i < 5; ++i) {
    site.put_keys(100 * i, 100 * (i + 1));
    site.back_up();
  }
  CHECK(must(site.writer().prune(2)) == 3);
  const std::vector<Backup> all = must(list_backups(site.backups()));
  REQUIRE(all.size() == 2);
  CHECK(all[0].id == 5);
  CHECK(all[1].id == 4);
  CHECK(must(site.writer().prune(2)) == 0);
  CHECK(site.restored("four", 4).size() == 400);
  CHECK(site.restored("five", 5).size() == 500);
  CHECK(site.back_up().id == 6);
}

TEST_CASE("a damaged backup is no substitute for a whole one") {
  Site site;
  for (int i = 0; i < 3; ++i) {
    site.put_keys(100 * i, 100 * (i + 1));
    site.back_up();
  }
  fs::remove(site.backups() / "private" / "3" / "CURRENT");
  CHECK(must(site.writer().prune(1)) == 1);
  const std::vector<Backup> all = must(list_backups(site.backups()));
  REQUIRE(all.size() == 2);
  CHECK(all[0].id == 3);
  CHECK(all[1].id == 2);
  CHECK(site.restored("elsewhere").size() == 200);
}

TEST_CASE("backups of another store are not pushed out") {
  Site site;
  site.back_up();
  const auto source = make_backup_source();
  const auto other =
      must(open_rocks_store({.directory = site.path("other"), .backup_source = source}));
  const Result<Backup> refused = site.writer().create(*source, noon, {});
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::backup_failed);
  CHECK(says(refused.error(), "another store"));
  CHECK(must(list_backups(site.backups())).size() == 1);
}

TEST_CASE("one writer at a time has the directory") {
  Site site;
  site.back_up();
  const auto second = BackupWriter::open({.directory = site.backups()});
  REQUIRE_FALSE(second.has_value());
  CHECK(says(second.error(), "backup directory"));
  CHECK(says(second.error(), "in use by process"));
}

TEST_CASE("without room a backup is not begun, and the earlier ones stay") {
  Site site;
  site.put_keys(0, 100);
  site.back_up();
  site.drop_writer();
  const auto writer = must(
      BackupWriter::open({.directory = site.backups(), .space_low_bytes = std::uint64_t{1} << 62}));
  const Result<Backup> refused = writer->create(*site.source, noon, {});
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::backup_failed);
  CHECK(says(refused.error(), "space_low_bytes"));
  CHECK(must(list_backups(site.backups())).size() == 1);
  CHECK(must(check_backup_files(site.backups(), 1, {})).empty());
}

TEST_CASE("while no store is open there is nothing to copy") {
  Site site;
  site.back_up();
  site.close();
  CHECK(site.writer().create(*site.source, noon, {}).error().code == ErrorCode::recovering);
  site.open();
  CHECK(site.back_up().id == 2);
}

TEST_CASE("a store closes although a backup is under way, and the earlier ones stay") {
  Site site;
  site.put_keys(0, 1'000, 20'000);
  site.back_up();
  site.put_keys(1'000, 2'000, 20'000);
  std::thread copying([&] {
    const Result<Backup> backup = site.writer().create(*site.source, noon, {});
    // Whichever was first.
    if (!backup) CHECK(backup.error().code == ErrorCode::recovering);
  });
  site.close();
  copying.join();
  site.open();
  CHECK(contents(site.store()).size() == 2'000);
  CHECK(site.restored("elsewhere", 1).size() == 1'000);
  site.back_up();
  CHECK(site.restored("anew").size() == 2'000);
}

}  // namespace
}  // namespace quern::storage::test
