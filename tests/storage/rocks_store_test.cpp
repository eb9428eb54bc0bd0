#include "quern/storage/rocks_store.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <rocksdb/db.h>
#include <rocksdb/version.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>

#include "flip_byte.h"
#include "quern/storage/keys.h"
#include "quern/storage/records.pb.h"
#include "stores.h"

namespace quern::storage::test {
namespace {

namespace fs = std::filesystem;

const Table table = Table::tasks;

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

Error refusal(const RocksHome& home) {
  const Result<std::unique_ptr<Store>> opened = home.try_open();
  REQUIRE(!opened.has_value());
  return opened.error();
}

fs::path largest_file(const fs::path& folder, std::string_view extension) {
  fs::path largest;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != extension) continue;
    if (largest.empty() || entry.file_size() > fs::file_size(largest)) largest = entry.path();
  }
  REQUIRE(!largest.empty());
  return largest;
}

void fill(Store& store, int count) {
  for (int i = 0; i < count; ++i) {
    commit(store, {put(table, "key " + std::to_string(1000 + i), std::string(500, 'v'))});
  }
}

// --- the directory
// --------------------------------------------------------------------------------

TEST_CASE("a data directory is made for its owner only") {
  const quern::test::TempDir temp;
  const fs::path directory = temp.path() / "deeper" / "data";
  REQUIRE(open_rocks_store({.directory = directory}).has_value());
  struct stat status {};
  REQUIRE(::stat(directory.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0700);
}

TEST_CASE("an empty directory is taken as it is") {
  const quern::test::TempDir temp;
  CHECK(open_rocks_store({.directory = temp.path()}).has_value());
}

TEST_CASE("a directory of somebody else is refused and left alone") {
  const quern::test::TempDir temp;
  std::ofstream(temp.path() / "thesis.tex") << "important";
  const Result<std::unique_ptr<Store>> opened = open_rocks_store({.directory = temp.path()});
  REQUIRE(!opened.has_value());
  CHECK(opened.error().code == ErrorCode::store_corrupt);
  CHECK(contains(opened.error().detail, "not a Quern store"));
  CHECK(contains(opened.error().detail, "thesis.tex"));
  CHECK(std::distance(fs::directory_iterator(temp.path()), {}) == 1);
}

TEST_CASE("a file in the directory's place is refused") {
  const quern::test::TempDir temp;
  std::ofstream(temp.path() / "data") << "a file";
  const Result<std::unique_ptr<Store>> opened =
      open_rocks_store({.directory = temp.path() / "data"});
  REQUIRE(!opened.has_value());
  CHECK(contains(opened.error().detail, "is not a directory"));
}

TEST_CASE("a store whose making was cut short is made anew") {
  const quern::test::TempDir temp;
  std::ofstream(temp.path() / "quernd.pid") << "1\n";
  fs::create_directory(temp.path() / "db.new");
  std::ofstream(temp.path() / "db.new" / "CURRENT") << "half";
  CHECK(open_rocks_store({.directory = temp.path()}).has_value());
}

TEST_CASE("a database that lost its files is refused, not begun anew") {
  RocksHome home;
  commit(home.store(), {put(table, "a", "1")});
  home.close();
  SUBCASE("CURRENT") { fs::remove(home.database() / "CURRENT"); }
  SUBCASE("everything") {
    for (const fs::directory_entry& entry : fs::directory_iterator(home.database())) {
      fs::remove(entry.path());
    }
  }
  CHECK(refusal(home).code == ErrorCode::store_corrupt);
}

// --- one process at a time
// ------------------------------------------------------------------------

// The other process of the next test: opens the store, says so, and stays until it is killed.
TEST_CASE("holder" * doctest::skip()) {
  const char* directory = std::getenv("QUERN_TEST_HOLD");
  REQUIRE(directory != nullptr);
  const Result<std::unique_ptr<Store>> store = open_rocks_store({.directory = directory});
  REQUIRE(store.has_value());
  commit(**store, {put(table, "from the holder", "1")});
  REQUIRE(::write(3, "!", 1) == 1);
  for (;;) ::pause();
}

pid_t start_holder(const fs::path& directory) {
  std::array<int, 2> ready{};
  REQUIRE(::pipe2(ready.data(), O_CLOEXEC) == 0);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ready[1], 3);
  ::setenv("QUERN_TEST_HOLD", directory.c_str(), 1);
  std::string program = "/proc/self/exe";
  std::string filter = "-tc=holder";
  std::string no_skip = "--no-skip";
  std::array<char*, 4> arguments{program.data(), filter.data(), no_skip.data(), nullptr};
  pid_t pid = 0;
  const int failure = ::posix_spawn(&pid, fs::read_symlink(program).c_str(), &actions, nullptr,
                                    arguments.data(), environ);
  ::unsetenv("QUERN_TEST_HOLD");
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ready[1]);
  REQUIRE(failure == 0);
  char byte = 0;
  const ssize_t size = ::read(ready[0], &byte, 1);  // 0 when it died
  ::close(ready[0]);
  REQUIRE(size == 1);
  return pid;
}

TEST_CASE("a directory in use is refused, naming the process, until that process is killed") {
  RocksHome home;
  home.close();
  const pid_t holder = start_holder(home.directory());
  const Error error = refusal(home);
  ::kill(holder, SIGKILL);
  ::waitpid(holder, nullptr, 0);

  CHECK(error.code == ErrorCode::store_unavailable);
  CAPTURE(error.detail);
  CHECK(contains(error.detail, home.directory().string()));
  CHECK(contains(error.detail, "in use by process " + std::to_string(holder) + " (storage_test)"));
  home.reopen();
  CHECK(get(home.store(), table, "from the holder") == "1");
}

TEST_CASE("a second store in the same process is refused, and does not disturb the first") {
  RocksHome home;
  const Error error = refusal(home);
  CHECK(contains(error.detail, "in use by process " + std::to_string(::getpid())));
  CHECK(contains(refusal(home).detail, "in use by process " + std::to_string(::getpid())));
  commit(home.store(), {put(table, "a", "1")});
}

// --- the format
// -----------------------------------------------------------------------------------

TEST_CASE("a store of a newer format is refused with what to do about it") {
  RocksHome home;
  record::Meta meta;
  meta.set_format(2);
  commit(home.store(),
         {put(Table::meta, std::string(keys::format_version), meta.SerializeAsString())});
  home.close();
  SUBCASE("with the same families") {}
  SUBCASE("with families that this version does not know") {
    rocksdb::DBOptions options;
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const char* name : {"default", "bodies", "index", "blobs"}) {
      families.emplace_back(name, rocksdb::ColumnFamilyOptions());
    }
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* raw = nullptr;
    const std::string path = home.database().string();
    REQUIRE(rocksdb::DB::Open(options, path, families, &handles, &raw).ok());
    const std::unique_ptr<rocksdb::DB> db(raw);
    handles.emplace_back();
    REQUIRE(db->CreateColumnFamily({}, "later", &handles.back()).ok());
    for (rocksdb::ColumnFamilyHandle* handle : handles) {
      REQUIRE(db->DestroyColumnFamilyHandle(handle).ok());
    }
  }
  const Error error = refusal(home);
  CHECK(error.code == ErrorCode::store_corrupt);
  CAPTURE(error.detail);
  CHECK(contains(error.detail, "written by a newer Quern: format 2, this server knows 1"));
}

TEST_CASE("a fresh store says its format") {
  RocksHome home;
  record::Meta meta;
  REQUIRE(meta.ParseFromString(get(home.store(), Table::meta, keys::format_version)));
  CHECK(meta.format() == 1);
}

TEST_CASE("a RocksDB database of another program is refused and keeps its families") {
  const quern::test::TempDir temp;
  const std::string path = (temp.path() / "db").string();
  rocksdb::Options options;
  options.create_if_missing = true;
  {
    rocksdb::DB* raw = nullptr;
    REQUIRE(rocksdb::DB::Open(options, path, &raw).ok());
    const std::unique_ptr<rocksdb::DB> db(raw);
    REQUIRE(db->Put({}, "k", "v").ok());
  }
  const Result<std::unique_ptr<Store>> opened = open_rocks_store({.directory = temp.path()});
  REQUIRE(!opened.has_value());
  CHECK(opened.error().code == ErrorCode::store_corrupt);
  std::vector<std::string> families;
  REQUIRE(rocksdb::DB::ListColumnFamilies(options, path, &families).ok());
  CHECK(families == std::vector<std::string>{"default"});
}

// --- damage
// ---------------------------------------------------------------------------------------

TEST_CASE("a damaged log is refused: what was synced is never dropped in silence") {
  RocksHome home;
  fill(home.store(), 200);
  home.close();
  const fs::path log = largest_file(home.database(), ".log");
  SUBCASE("in the middle") { flip_byte(log, fs::file_size(log) / 2); }
  SUBCASE("at the start") { flip_byte(log, 100); }
  CHECK(refusal(home).code == ErrorCode::store_corrupt);
}

TEST_CASE("a log that ends before what was synced is refused, and nothing is changed") {
  RocksHome home;
  fill(home.store(), 200);
  home.close();
  const fs::path log = largest_file(home.database(), ".log");
  const fs::path kept = home.directory().parent_path() / "kept";
  fs::copy_file(log, kept);
  SUBCASE("cut short") { fs::resize_file(log, fs::file_size(log) - 7); }
  SUBCASE("emptied") { fs::resize_file(log, 0); }
  SUBCASE("deleted") { fs::remove(log); }
  const Error error = refusal(home);
  CHECK(error.code == ErrorCode::store_corrupt);
  CAPTURE(error.detail);
  CHECK(contains(error.detail, "--accept-data-loss"));

  fs::copy_file(kept, log, fs::copy_options::overwrite_existing);
  home.reopen();
  CHECK(scan(home.store(), table).size() == 200);
}

TEST_CASE("a store that lost what was synced opens with the rest when that is accepted") {
  RocksHome home;
  fill(home.store(), 200);
  home.close();
  const fs::path log = largest_file(home.database(), ".log");
  flip_byte(log, fs::file_size(log) / 2);
  std::string notice;
  {
    const Result<std::unique_ptr<Store>> store =
        open_rocks_store({.directory = home.directory(),
                          .accept_data_loss = true,
                          .on_notice = [&](const std::string& text) { notice = text; }});
    REQUIRE_MESSAGE(store.has_value(), store.error().detail);
    const std::size_t left = scan(**store, table).size();
    CHECK(left > 50);
    CHECK(left < 150);
  }
  CHECK(contains(notice, "data loss accepted"));
  CHECK(fs::exists(home.directory() / "damaged" / log.filename()));
  home.reopen();  // and is sound from then on
}

TEST_CASE("a store without its mark is refused; one made before there were marks is given one") {
  RocksHome home;
  fill(home.store(), 3);
  SUBCASE("missing") {
    home.close();
    fs::remove(home.directory() / "synced");
    const Error error = refusal(home);
    CHECK(error.code == ErrorCode::store_corrupt);
    CHECK(contains(error.detail, "synced is missing"));
  }
  SUBCASE("damaged") {
    home.close();
    flip_byte(home.directory() / "synced", 3);
    flip_byte(home.directory() / "synced", 4096 + 3);
    const Error error = refusal(home);
    CHECK(error.code == ErrorCode::store_corrupt);
    CHECK(contains(error.detail, "synced is damaged"));
  }
  SUBCASE("one of its two copies damaged") {
    home.close();
    flip_byte(home.directory() / "synced", 3);
    home.reopen();
    CHECK(scan(home.store(), table).size() == 3);
  }
  SUBCASE("an older store") {
    record::Meta meta;
    meta.set_format(1);
    meta.set_partition_count(1);
    commit(home.store(),
           {put(Table::meta, std::string(keys::format_version), meta.SerializeAsString())});
    home.close();
    fs::remove(home.directory() / "synced");
    home.reopen();
    CHECK(scan(home.store(), table).size() == 3);
    home.close();
    fs::remove(home.directory() / "synced");
    CHECK(contains(refusal(home).detail, "synced is missing"));
  }
}

TEST_CASE("a database folder that is gone is missed") {
  RocksHome home;
  fill(home.store(), 3);
  home.close();
  fs::remove_all(home.database());
  CHECK(contains(refusal(home).detail, "is gone"));
}

TEST_CASE("a scan over a damaged block is an error, not the end of the data") {
  RocksHome home;
  fill(home.store(), 2000);
  home.reopen();  // recovery moves the log into table files
  home.close();
  flip_byte(largest_file(home.database(), ".sst"), 5000);
  home.reopen();
  int visited = 0;
  const Result<void> scanned =
      home.store().scan(table, {}, [&](std::string_view, std::string_view) {
        ++visited;
        return true;
      });
  CHECK(visited < 2000);
  REQUIRE(!scanned.has_value());
  CHECK(scanned.error().code == ErrorCode::store_corrupt);
}

TEST_CASE("a missing table file is found when the store is opened") {
  RocksHome home;
  fill(home.store(), 10);
  home.reopen();
  home.close();
  fs::remove(largest_file(home.database(), ".sst"));
  CHECK(refusal(home).code == ErrorCode::store_corrupt);
}

// --- failing writes
// -------------------------------------------------------------------------------

// Puts /dev/null in the log's place: it takes bytes, and fdatasync() fails on it, as on a broken
// disk.
void break_log(const fs::path& log) {
  const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  REQUIRE(null >= 0);
  int replaced = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (fs::read_symlink(entry.path(), gone) != log) continue;
    REQUIRE(::dup3(null, std::stoi(entry.path().filename()), O_CLOEXEC) >= 0);
    ++replaced;
  }
  REQUIRE(replaced == 1);
  ::close(null);
}

TEST_CASE("after a failed sync no commit is taken until the store is opened again") {
  RocksHome home;
  commit(home.store(), {put(table, "before", "1")});
  break_log(largest_file(fs::canonical(home.database()), ".log"));
  for (const char* key : {"failed", "after"}) {
    CAPTURE(key);
    const Result<void> committed = home.store().commit({.writes = {put(table, key, "1")}});
    REQUIRE(!committed.has_value());
    CHECK(committed.error().code == ErrorCode::store_unavailable);
  }
  CHECK(get(home.store(), table, "before") == "1");

  home.reopen();
  CHECK(get(home.store(), table, "before") == "1");
  CHECK(get(home.store(), table, "after") == "(none)");
  commit(home.store(), {put(table, "again", "1")});
}

// --- the rest
// -------------------------------------------------------------------------------------

TEST_CASE("with durability os a clean stop keeps everything") {
  const quern::test::TempDir temp;
  const RocksOptions options{.directory = temp.path(), .durability = Durability::os};
  {
    Result<std::unique_ptr<Store>> store = open_rocks_store(options);
    REQUIRE(store.has_value());
    commit(**store, {put(table, "a", "1")});
  }
  const Result<std::unique_ptr<Store>> store = open_rocks_store(options);
  REQUIRE(store.has_value());
  CHECK(get(**store, table, "a") == "1");
}

TEST_CASE("data that outgrows its buffers is flushed and stays readable") {
  const quern::test::TempDir temp;
  const RocksOptions options{.directory = temp.path(), .write_buffer_bytes = 64 << 10};
  Result<std::unique_ptr<Store>> store = open_rocks_store(options);
  REQUIRE(store.has_value());
  const std::string body(1000, 'b');
  for (int i = 0; i < 50; ++i) {
    std::vector<Batch::Write> writes;
    for (int j = 0; j < 64; ++j) {
      const std::string key = std::to_string(10000 + i * 64 + j);
      writes.push_back(put(Table::tasks, key, body));
      writes.push_back(put(Table::ready, key, ""));
      writes.push_back(put(Table::blobs, key, body));
      if (j % 2 == 0) writes.push_back(erase(Table::ready, key));
    }
    commit(**store, std::move(writes));
  }
  store = Error{};  // closes it
  store = open_rocks_store(options);
  REQUIRE(store.has_value());
  CHECK(scan(**store, Table::tasks).size() == 3200);
  CHECK(scan(**store, Table::blobs).size() == 3200);
  CHECK(scan(**store, Table::ready).size() == 1600);
}

TEST_CASE("the version says which RocksDB is in") {
  CHECK(rocks_version().starts_with("RocksDB " + std::to_string(ROCKSDB_MAJOR) + "."));
  CHECK(rocks_version().ends_with(")"));
}

}  // namespace
}  // namespace quern::storage::test
