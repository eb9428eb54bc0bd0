#include "rocks_database.h"

#include <rocksdb/convenience.h>

#include <algorithm>
#include <utility>

#include "store_error.h"

namespace quern::storage {
namespace {

StoredKey table_end(Table table) {
  return {static_cast<Table>(static_cast<std::uint8_t>(table) + 1), {}};
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

}  // namespace

StoredKey::StoredKey(Table table, std::string_view key) {
  char* to = inline_.data();
  size_ = 1 + key.size();
  if (size_ > inline_.size()) {
    long_.resize(size_);
    to = long_.data();
  }
  *to = static_cast<char>(table);
  std::copy(key.begin(), key.end(), to + 1);
}

Database::Database(Files files, rocksdb::DB* db,
                   const std::vector<rocksdb::ColumnFamilyHandle*>& handles)
    : files_(std::move(files)), db_(db) {
  std::copy_n(handles.begin(), family_count, handles_.begin());
}

Database::~Database() {
  if (db_) close().PermitUncheckedError();  // there is nobody left to tell
}

rocksdb::Status Database::close() {
  rocksdb::CancelAllBackgroundWork(db_.get(), true);
  for (rocksdb::ColumnFamilyHandle* handle : handles_) db_->DestroyColumnFamilyHandle(handle);
  rocksdb::Status closed = db_->Close();
  db_.reset();
  return closed;
}

rocksdb::Status open_database(const Files& files, rocksdb::DBOptions db_options,
                              const RocksOptions& options, const std::string& path, Access access,
                              std::unique_ptr<Database>& database) {
  db_options.env = files.env.get();
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(options.block_cache_bytes);
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (std::size_t i = 0; i < family_count; ++i) {
    const Family family = static_cast<Family>(i);
    families.emplace_back(family_name(family), family_options(family, options, cache));
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  rocksdb::Status status =
      access == Access::write
          ? rocksdb::DB::Open(db_options, path, families, &handles, &db)
          : rocksdb::DB::OpenForReadOnly(db_options, path, families, &handles, &db);
  if (status.ok()) database = std::make_unique<Database>(files, db, handles);
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

std::unique_ptr<Reader> snapshot_of(const Database& database) {
  return std::make_unique<Snapshot>(database);
}

}  // namespace quern::storage
