#include "quern/storage/rocks_store.h"

#include <fcntl.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/listener.h>
#include <rocksdb/version.h>
#include <rocksdb/write_batch.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "directory_lock.h"
#include "quern/storage/keys.h"
#include "quern/storage/records.pb.h"
#include "rocks_options.h"

namespace quern::storage {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t format_known = 1;
constexpr const char* database_folder = "db";
constexpr const char* unfinished_folder = "db.new";

// Guards every entry from the moment it enters a batch until it is in the memtable. The cost is in
// FORMAT.md.
constexpr std::size_t protection_bytes_per_key = 8;

// A batch keeps its memory for the next one up to this size: a large group of ordinary tasks.
constexpr std::size_t batch_bytes_kept_max = std::size_t{4} << 20;

Error unavailable(std::string detail) {
  return Error{.code = ErrorCode::store_unavailable, .detail = std::move(detail)};
}

Error corrupt(std::string detail) {
  return Error{.code = ErrorCode::store_corrupt, .detail = std::move(detail)};
}

Error system_error(const std::string& what, int number) {
  return unavailable(what + ": " + std::system_category().message(number));
}

// A file that RocksDB knows of and cannot find is as much damage as a bad checksum.
Error to_error(const rocksdb::Status& status) {
  const bool damaged = status.IsCorruption() || status.IsPathNotFound();
  return damaged ? corrupt(status.ToString()) : unavailable(status.ToString());
}

// --- keys
// -----------------------------------------------------------------------------------------

// A key as RocksDB sees it: the table's byte, then ours.
class StoredKey {
 public:
  StoredKey(Table table, std::string_view key) {
    char* to = inline_.data();
    size_ = 1 + key.size();
    if (size_ > inline_.size()) {
      long_.resize(size_);
      to = long_.data();
    }
    *to = static_cast<char>(table);
    std::copy(key.begin(), key.end(), to + 1);
  }

  rocksdb::Slice slice() const {
    return {size_ > inline_.size() ? long_.data() : inline_.data(), size_};
  }

 private:
  std::array<char, 64> inline_;  // longer than any key but those with a client's text in it
  std::string long_;
  std::size_t size_;
};

StoredKey table_end(Table table) {
  return {static_cast<Table>(static_cast<std::uint8_t>(table) + 1), {}};
}

// --- failing
// --------------------------------------------------------------------------------------

// Set once, by the first failed write, ours or a background thread's; never cleared: what RocksDB
// holds in memory and what the disk holds may differ from here on.
class FailStop final : public rocksdb::EventListener {
 public:
  bool failed() const { return failed_.load(std::memory_order_acquire); }

  std::string reason() const {
    const std::lock_guard lock(mutex_);
    return reason_;
  }

  void fail(const rocksdb::Status& status) {
    const std::lock_guard lock(mutex_);
    if (failed_.load(std::memory_order_relaxed)) return;
    reason_ = status.ToString();
    failed_.store(true, std::memory_order_release);
  }

  // A failed flush or compaction loses nothing and is tried again by RocksDB, unless it calls the
  // error fatal.
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* status) override {
    const bool retried = reason == rocksdb::BackgroundErrorReason::kFlush ||
                         reason == rocksdb::BackgroundErrorReason::kCompaction ||
                         reason == rocksdb::BackgroundErrorReason::kFlushNoWAL;
    if (!retried || status->severity() >= rocksdb::Status::kFatalError) fail(*status);
  }

 private:
  std::atomic<bool> failed_{false};
  mutable std::mutex mutex_;
  std::string reason_;
};

// --- the database
// ---------------------------------------------------------------------------------

using Handles = std::array<rocksdb::ColumnFamilyHandle*, family_count>;

// An open database and its families; closes them in the order that RocksDB demands.
class Database {
 public:
  Database(rocksdb::DB* db, const std::vector<rocksdb::ColumnFamilyHandle*>& handles) : db_(db) {
    std::copy_n(handles.begin(), family_count, handles_.begin());
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() {
    if (db_) close().PermitUncheckedError();  // there is nobody left to tell
  }

  rocksdb::DB& db() const { return *db_; }
  rocksdb::ColumnFamilyHandle* family(Table table) const {
    return handles_[static_cast<std::size_t>(family_of(table))];
  }

  rocksdb::Status close() {
    rocksdb::CancelAllBackgroundWork(db_.get(), true);
    for (rocksdb::ColumnFamilyHandle* handle : handles_) db_->DestroyColumnFamilyHandle(handle);
    rocksdb::Status closed = db_->Close();
    db_.reset();
    return closed;
  }

 private:
  std::unique_ptr<rocksdb::DB> db_;
  Handles handles_{};
};

rocksdb::Status open_database(const rocksdb::DBOptions& db_options, const RocksOptions& options,
                              const fs::path& path, std::unique_ptr<Database>& database) {
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(options.block_cache_bytes);
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (std::size_t i = 0; i < family_count; ++i) {
    const Family family = static_cast<Family>(i);
    families.emplace_back(family_name(family), family_options(family, options, cache));
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  rocksdb::Status status = rocksdb::DB::Open(db_options, path.string(), families, &handles, &db);
  if (status.ok()) database = std::make_unique<Database>(db, handles);
  return status;
}

Result<bool> get_at(const Database& database, const rocksdb::ReadOptions& options, Table table,
                    std::string_view key, std::string& value) {
  const rocksdb::Status status =
      database.db().Get(options, database.family(table), StoredKey(table, key).slice(), &value);
  if (status.IsNotFound()) return false;
  if (!status.ok()) return to_error(status);
  return true;
}

Result<void> scan_at(const Database& database, rocksdb::ReadOptions options, Table table,
                     const Range& range, const Reader::Visitor& visit) {
  if (!range.end.empty() && range.end <= range.begin) return {};
  const StoredKey begin(table, range.begin);
  const StoredKey end = range.end.empty() ? table_end(table) : StoredKey(table, range.end);
  // With both bounds RocksDB leaves out files, and never steps over another range's tombstones.
  const rocksdb::Slice lower = begin.slice();
  const rocksdb::Slice upper = end.slice();
  options.iterate_lower_bound = &lower;
  options.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> it(
      database.db().NewIterator(options, database.family(table)));
  const bool forward = range.direction == Direction::forward;
  for (forward ? it->SeekToFirst() : it->SeekToLast(); it->Valid();
       forward ? it->Next() : it->Prev()) {
    std::string_view key = it->key().ToStringView();
    key.remove_prefix(1);
    if (!visit(key, it->value().ToStringView())) return {};
  }
  // A damaged block ends the loop like the end of the data does; only this tells them apart.
  if (!it->status().ok()) return to_error(it->status());
  return {};
}

class Snapshot final : public Reader {
 public:
  explicit Snapshot(const Database& database)
      : database_(database), snapshot_(database.db().GetSnapshot()) {
    options_.snapshot = snapshot_;
  }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;
  ~Snapshot() override { database_.db().ReleaseSnapshot(snapshot_); }

  Result<bool> get(Table table, std::string_view key, std::string& value) const override {
    return get_at(database_, options_, table, key, value);
  }
  Result<void> scan(Table table, const Range& range, const Visitor& visit) const override {
    return scan_at(database_, options_, table, range, visit);
  }

 private:
  const Database& database_;
  const rocksdb::Snapshot* snapshot_;
  rocksdb::ReadOptions options_;
};

class RocksStore final : public Store {
 public:
  RocksStore(const RocksOptions& options, DirectoryLock lock, std::unique_ptr<Database> database,
             std::shared_ptr<FailStop> fail_stop)
      : lock_(std::move(lock)),
        database_(std::move(database)),
        fail_stop_(std::move(fail_stop)),
        write_options_(write_options(options)) {}

  // With Durability::os a clean stop makes everything durable. Not after a failed write: a second
  // sync proves nothing.
  ~RocksStore() override {
    if (write_options_.sync || fail_stop_->failed()) return;
    database_->db().SyncWAL().PermitUncheckedError();
  }

  Result<bool> get(Table table, std::string_view key, std::string& value) const override {
    return get_at(*database_, rocksdb::ReadOptions(), table, key, value);
  }

  Result<void> scan(Table table, const Range& range, const Visitor& visit) const override {
    return scan_at(*database_, rocksdb::ReadOptions(), table, range, visit);
  }

  std::unique_ptr<Reader> snapshot() const override {
    return std::make_unique<Snapshot>(*database_);
  }

  Result<void> commit(const Batch& batch) override {
    if (fail_stop_->failed()) {
      return unavailable("an earlier write failed (" + fail_stop_->reason() +
                         "); the store must be opened again");
    }
    if (batch.writes.empty()) return {};
    rocksdb::Status status = fill(batch);
    if (status.ok()) status = database_->db().Write(write_options_, &batch_);
    if (!status.ok()) {
      fail_stop_->fail(status);
      return to_error(status);
    }
    if (batch_.GetDataSize() > batch_bytes_kept_max) batch_ = empty_batch();
    return {};
  }

 private:
  static rocksdb::WriteBatch empty_batch() {
    return rocksdb::WriteBatch(0, 0, protection_bytes_per_key, 0);
  }

  // The table's byte and the key are joined by RocksDB as it writes them into the batch, so no byte
  // is copied twice.
  rocksdb::Status fill(const Batch& batch) {
    batch_.Clear();
    for (const Batch::Write& write : batch.writes) {
      const char table = static_cast<char>(write.table);
      const std::array<rocksdb::Slice, 2> parts{rocksdb::Slice(&table, 1), write.key};
      const rocksdb::SliceParts key(parts.data(), static_cast<int>(parts.size()));
      rocksdb::ColumnFamilyHandle* family = database_->family(write.table);
      rocksdb::Status status;
      if (write.value) {
        const rocksdb::Slice value(*write.value);
        status = batch_.Put(family, key, rocksdb::SliceParts(&value, 1));
      } else {
        status = batch_.Delete(family, key);
      }
      if (!status.ok()) return status;
    }
    return {};
  }

  DirectoryLock lock_;  // outlives the database
  std::unique_ptr<Database> database_;
  std::shared_ptr<FailStop> fail_stop_;
  rocksdb::WriteOptions write_options_;
  rocksdb::WriteBatch batch_ = empty_batch();  // reused: its memory is what a commit allocates
};

// --- the directory
// --------------------------------------------------------------------------------

Result<void> sync_directory(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return system_error("cannot open " + path.string(), errno);
  const int failure = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (failure != 0) return system_error("cannot sync " + path.string(), failure);
  return {};
}

Result<void> make_directory(const fs::path& path) {
  std::error_code failure;
  const fs::path absolute = fs::absolute(path, failure).lexically_normal();
  if (failure) return system_error("cannot resolve " + path.string(), failure.value());
  const fs::path leaf = absolute.has_filename() ? absolute : absolute.parent_path();
  fs::create_directories(leaf.parent_path(), failure);
  if (failure) return system_error("cannot create " + leaf.parent_path().string(), failure.value());
  if (::mkdir(leaf.c_str(), 0700) != 0 && errno != EEXIST) {
    return system_error("cannot create " + leaf.string(), errno);
  }
  return sync_directory(leaf.parent_path());
}

// Ours has a database or, when its making was cut short, at least the lock file. Anything else that
// is not empty belongs to somebody: it is not touched.
Result<void> check_ours(const fs::path& path) {
  std::error_code failure;
  std::string foreign;
  for (fs::directory_iterator it(path, failure), end; !failure && it != end;
       it.increment(failure)) {
    const std::string name = it->path().filename();
    if (name == database_folder || name == DirectoryLock::file_name) return {};
    if (name != "lost+found") foreign = name;
  }
  if (failure) return system_error("cannot read " + path.string(), failure.value());
  if (foreign.empty()) return {};
  return corrupt("data directory " + path.string() +
                 " is not empty and not a Quern store (it holds " + foreign +
                 "); give an empty or a new directory");
}

Result<void> prepare_directory(const fs::path& path) {
  std::error_code failure;
  const fs::file_status status = fs::status(path, failure);
  if (status.type() == fs::file_type::not_found) return make_directory(path);
  if (failure) return system_error("cannot read " + path.string(), failure.value());
  if (!fs::is_directory(status)) return corrupt(path.string() + " is not a directory");
  return check_ours(path);
}

// --- opening
// --------------------------------------------------------------------------------------

rocksdb::Status write_meta(const Database& database) {
  record::Meta meta;
  meta.set_format(format_known);
  meta.set_partition_count(1);
  rocksdb::WriteOptions options;
  options.sync = true;
  return database.db().Put(options, database.family(Table::meta),
                           StoredKey(Table::meta, keys::format_version).slice(),
                           meta.SerializeAsString());
}

// Makes the database under another name and renames it when it is whole, so that `db` either has
// everything or is not there.
Result<void> create_database(const RocksOptions& options) {
  const fs::path unfinished = options.directory / unfinished_folder;
  std::error_code failure;
  fs::remove_all(unfinished, failure);
  if (failure) return system_error("cannot remove " + unfinished.string(), failure.value());

  rocksdb::DBOptions db_options = database_options(options);
  db_options.create_if_missing = true;
  db_options.create_missing_column_families = true;
  db_options.error_if_exists = true;
  std::unique_ptr<Database> database;
  rocksdb::Status status = open_database(db_options, options, unfinished, database);
  if (status.ok()) status = write_meta(*database);
  if (status.ok()) status = database->close();
  if (!status.ok()) return to_error(status);
  database.reset();

  fs::rename(unfinished, options.directory / database_folder, failure);
  if (failure) return system_error("cannot rename " + unfinished.string(), failure.value());
  return sync_directory(options.directory);
}

Error newer_format(std::uint32_t found) {
  return corrupt("written by a newer Quern: format " + std::to_string(found) +
                 ", this server knows " + std::to_string(format_known) +
                 "; upgrade, or restore a backup");
}

Result<void> check_meta(const std::string& bytes) {
  record::Meta meta;
  if (!meta.ParseFromString(bytes) || meta.format() == 0) {
    return corrupt("the format record is damaged");
  }
  if (meta.format() > format_known) return newer_format(meta.format());
  return {};
}

// A newer format may have families that this server would not even open. The format record is in
// the default family in every format, so it can be asked.
Result<void> check_families(const rocksdb::DBOptions& db_options, const std::string& path) {
  std::vector<std::string> found;
  rocksdb::Status status = rocksdb::DB::ListColumnFamilies(db_options, path, &found);
  if (!status.ok()) return to_error(status);
  std::vector<std::string> known;
  for (std::size_t i = 0; i < family_count; ++i) {
    known.emplace_back(family_name(static_cast<Family>(i)));
  }
  if (std::is_permutation(found.begin(), found.end(), known.begin(), known.end())) return {};

  rocksdb::DB* raw = nullptr;
  status = rocksdb::DB::OpenForReadOnly(rocksdb::Options(db_options, {}), path, &raw);
  if (!status.ok()) return to_error(status);
  const std::unique_ptr<rocksdb::DB> db(raw);
  std::string bytes;
  status =
      db->Get(rocksdb::ReadOptions(), StoredKey(Table::meta, keys::format_version).slice(), &bytes);
  if (status.ok()) {
    if (Result<void> ok = check_meta(bytes); !ok) return ok;
  }
  return corrupt("its column families are not those of a Quern store");
}

Result<void> check_format(const Database& database) {
  std::string bytes;
  const Result<bool> found =
      get_at(database, rocksdb::ReadOptions(), Table::meta, keys::format_version, bytes);
  if (!found) return found.error();
  if (!*found) return corrupt("it has no format record: not a Quern store");
  return check_meta(bytes);
}

Error in_directory(const RocksOptions& options, Error error) {
  error.detail = "data directory " + options.directory.string() + ": " + error.detail;
  return error;
}

Result<std::unique_ptr<Store>> open_locked(const RocksOptions& options, DirectoryLock lock) {
  const fs::path path = options.directory / database_folder;
  std::error_code failure;
  const bool exists = fs::exists(path, failure);
  if (failure) return system_error("cannot read " + path.string(), failure.value());
  if (!exists) {
    if (Result<void> made = create_database(options); !made) return made.error();
  }
  rocksdb::DBOptions db_options = database_options(options);
  if (Result<void> ok = check_families(db_options, path.string()); !ok) return ok.error();

  const auto fail_stop = std::make_shared<FailStop>();
  db_options.listeners.push_back(fail_stop);
  std::unique_ptr<Database> database;
  const rocksdb::Status status = open_database(db_options, options, path, database);
  if (!status.ok()) return to_error(status);
  if (Result<void> ok = check_format(*database); !ok) return ok.error();
  return std::unique_ptr<Store>(
      std::make_unique<RocksStore>(options, std::move(lock), std::move(database), fail_stop));
}

}  // namespace

Result<std::unique_ptr<Store>> open_rocks_store(const RocksOptions& options) {
  if (Result<void> ready = prepare_directory(options.directory); !ready) return ready.error();
  Result<DirectoryLock> lock = DirectoryLock::take(options.directory);
  if (!lock) return lock.error();
  Result<std::unique_ptr<Store>> store = open_locked(options, std::move(*lock));
  if (!store) return in_directory(options, std::move(store).error());
  return store;
}

std::string rocks_version() {
#ifdef QUERN_ROCKSDB_STATIC
  constexpr const char* build = " (release build)";
#else
  constexpr const char* build = " (packaged)";
#endif
  return "RocksDB " + rocksdb::GetRocksVersionAsString() + build;
}

}  // namespace quern::storage
