// The few things that the store does with files beside RocksDB, through RocksDB's own file system,
// so that a test that stands in for the disk sees every call.
//
// Errors   store_unavailable, naming the path.
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "quern/protocol/result.h"

namespace quern::storage {

// Where a store's files are: the machine's file system, or the one of a test.
struct Files {
  std::shared_ptr<rocksdb::FileSystem> system;
  std::shared_ptr<rocksdb::Env> env;  // what RocksDB calls it through; must outlive the database

  static Files of_machine();
  static Files on(std::shared_ptr<rocksdb::FileSystem> system);
};

Result<bool> file_exists(const Files& files, const std::string& path);
Result<std::vector<std::string>> list_folder(const Files& files, const std::string& path);
Result<std::string> read_file(const Files& files, const std::string& path);

// Each of these is durable when it returns.
Result<void> write_file(const Files& files, const std::string& path, std::string_view bytes);
Result<void> truncate_file(const Files& files, const std::string& path, std::uint64_t size);
Result<void> sync_folder(const Files& files, const std::string& path);

// A folder that has no folders in it. Not durable; nothing is done when it is absent.
Result<void> remove_folder(const Files& files, const std::string& path);

}  // namespace quern::storage
