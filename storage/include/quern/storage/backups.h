// Copies of a store in a directory of their own: made while it is in use, sharing with earlier ones
// what did not change, checked, and restored elsewhere.
//
// Shape    a backup directory holds the backups of one store and all that it takes to restore them;
//          FORMAT.md draws it.
// Threads  BackupSource: any. BackupWriter: one call at a time. The functions: any; beside a writer
//          of another process they may find that a backup was removed meanwhile.
// Errors   backup_not_found. backup_failed: what is wrong, in words for an operator; the store and
//          the earlier backups are as they were. recovering: no store is open. draining: `stop` was
//          requested.
// Source   RocksDB's BackupEngine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "quern/protocol/result.h"
#include "quern/storage/backup.h"
#include "quern/storage/store.h"

namespace quern::storage {

// The store that is open just now, as something to copy: RocksOptions has it filled in. A store
// that closes ends a backup that is under way.
class BackupSource;
std::shared_ptr<BackupSource> make_backup_source();

// The one who writes into a backup directory.
class BackupWriter {
 public:
  struct Options {
    std::filesystem::path directory;    // made (0700) when absent
    std::uint64_t space_low_bytes = 0;  // no backup goes on when less is free there
  };

  // Holds the directory against writers of other processes.
  static Result<std::unique_ptr<BackupWriter>> open(const Options& options);
  virtual ~BackupWriter() = default;

  // Copies the store as it is at some instant of the call, a prefix of its commits, and opens the
  // copy once. Commits go on meanwhile. `now`: by the wall clock, for the list.
  virtual Result<Backup> create(BackupSource& source, Timestamp now,
                                const std::stop_token& stop) = 0;
  // The newest first.
  virtual Result<std::vector<Backup>> list() = 0;
  // Removes all but the newest `keep`, damaged ones with them, and says how many.
  virtual Result<std::size_t> prune(std::size_t keep) = 0;
};

// The newest first.
Result<std::vector<Backup>> list_backups(const std::filesystem::path& directory);

// Reads every byte and compares checksums. What is wrong, in sentences; nothing: it is whole.
Result<std::vector<std::string>> check_backup_files(const std::filesystem::path& directory,
                                                    std::uint32_t id, const std::stop_token& stop);

// The store as it was then, to be read where it lies. Nothing is written.
Result<std::unique_ptr<Reader>> open_backup(const std::filesystem::path& directory,
                                            std::uint32_t id, const std::stop_token& stop);

struct Restoration {
  std::filesystem::path backups;
  std::optional<std::uint32_t> id;  // nullopt: the newest that is not damaged
  std::filesystem::path data;       // a data directory to be: absent or empty
  // Called with the restored store before anybody else can open it.
  std::function<Result<void>(Store&)> prepare;
  // What a person should know of, in a sentence. May be empty.
  std::function<void(const std::string& text)> on_notice = {};
};

// Checks every byte as it copies. `data` gets all or nothing: one that was cut short is begun anew
// by the next try, and no server starts on it.
//   store_corrupt  `data` is not empty
Result<Backup> restore_backup(const Restoration& restoration);

}  // namespace quern::storage
