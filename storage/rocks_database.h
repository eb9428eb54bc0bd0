// An open RocksDB database as four families of ordered keys: what reads of it mean here.
//
// Threads  reads: any thread.
// Errors   store_corrupt for damaged or missing files, store_unavailable otherwise.
#pragma once

#include <rocksdb/db.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "files.h"
#include "quern/storage/store.h"
#include "rocks_options.h"

namespace quern::storage {

// A key as RocksDB sees it: the table's byte, then ours.
class StoredKey {
 public:
  StoredKey(Table table, std::string_view key);

  rocksdb::Slice slice() const {
    return {size_ > inline_.size() ? long_.data() : inline_.data(), size_};
  }

 private:
  std::array<char, 64> inline_;  // longer than any key but those with a client's text in it
  std::string long_;
  std::size_t size_;
};

// Closes database and families in the order that RocksDB demands.
class Database {
 public:
  Database(Files files, rocksdb::DB* db, const std::vector<rocksdb::ColumnFamilyHandle*>& handles);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  rocksdb::DB& db() const { return *db_; }
  const Files& files() const { return files_; }
  rocksdb::ColumnFamilyHandle* family(Table table) const {
    return handles_[static_cast<std::size_t>(family_of(table))];
  }
  rocksdb::Status close();

 private:
  Files files_;  // outlives the database
  std::unique_ptr<rocksdb::DB> db_;
  std::array<rocksdb::ColumnFamilyHandle*, family_count> handles_{};
};

enum class Access : std::uint8_t { write, read_only };  // read_only changes no file

rocksdb::Status open_database(const Files& files, rocksdb::DBOptions db_options,
                              const RocksOptions& options, const std::string& path, Access access,
                              std::unique_ptr<Database>& database);

Result<bool> get_at(const Database& database, const rocksdb::ReadOptions& options, Table table,
                    std::string_view key, std::string& value);
Result<void> scan_at(const Database& database, rocksdb::ReadOptions options, Table table,
                     const Range& range, const Reader::Visitor& visit);

// The database as it is now. It must not outlive it.
std::unique_ptr<Reader> snapshot_of(const Database& database);

}  // namespace quern::storage
