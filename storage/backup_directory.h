// What lies in a backup directory, read through RocksDB's BackupEngine.
//
// Threads  one call at a time.
// Errors   backup_not_found, backup_failed.
#pragma once

#include <rocksdb/utilities/backup_engine.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "files.h"
#include "quern/protocol/result.h"
#include "quern/storage/backup.h"
#include "rocks_database.h"

namespace quern::storage {

// A failed backup, check or restore, in words.
inline Error backup_failed(std::string detail) {
  return Error{.code = ErrorCode::backup_failed, .detail = std::move(detail)};
}

// What we say of a backup in RocksDB's own description of it. Reaches disk.
struct BackupLabel {
  std::string store_id;
  Timestamp created_at;
};
std::string to_text(const BackupLabel& label);
// nullopt: no label of ours, or a damaged one.
std::optional<BackupLabel> label_from(std::string_view text);

// How backups are kept: shared by all who open the directory, as RocksDB demands.
rocksdb::BackupEngineOptions backup_options(const Files& files,
                                            const std::filesystem::path& directory);

class BackupDirectory {
 public:
  // For reading. The directory must exist.
  static Result<BackupDirectory> open(Files files, const std::filesystem::path& directory);
  // As `engine` sees it.
  BackupDirectory(Files files, std::filesystem::path directory,
                  std::shared_ptr<rocksdb::BackupEngineReadOnlyBase> engine)
      : files_(std::move(files)), directory_(std::move(directory)), engine_(std::move(engine)) {}

  // The newest first, damaged ones among them.
  std::vector<Backup> list() const;
  // One of them, or the newest that is not damaged.
  Result<Backup> find(std::optional<std::uint32_t> id) const;
  // Where it lies, as a database to be read. It must not outlive this object.
  Result<std::unique_ptr<Database>> open_database(std::uint32_t id) const;

  const rocksdb::BackupEngineReadOnlyBase& engine() const { return *engine_; }

 private:
  Files files_;  // outlives the engine
  std::filesystem::path directory_;
  std::shared_ptr<rocksdb::BackupEngineReadOnlyBase> engine_;
};

}  // namespace quern::storage
