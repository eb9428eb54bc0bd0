#include "quern/storage/rocks_examination.h"

#include <algorithm>
#include <utility>

#include "data_directory.h"
#include "directory_lock.h"
#include "files.h"
#include "log_inspection.h"
#include "rocks_database.h"
#include "store_error.h"
#include "synced_mark.h"

namespace quern::storage {
namespace {

class Examination final : public RocksExamination {
 public:
  Examination(DirectoryLock lock, std::unique_ptr<Database> database,
              std::vector<std::string> findings)
      : lock_(std::move(lock)), database_(std::move(database)), findings_(std::move(findings)) {}

  Result<bool> get(Table table, std::string_view key, std::string& value) const override {
    return get_at(*database_, rocksdb::ReadOptions(), table, key, value);
  }
  Result<void> scan(Table table, const Range& range, const Visitor& visit) const override {
    return scan_at(*database_, rocksdb::ReadOptions(), table, range, visit);
  }
  const std::vector<std::string>& findings() const override { return findings_; }
  Result<void> verify_checksums() const override {
    const rocksdb::Status status = database_->db().VerifyChecksum();
    if (!status.ok()) return to_error(status);
    return {};
  }

 private:
  DirectoryLock lock_;
  std::unique_ptr<Database> database_;
  std::vector<std::string> findings_;
};

Result<void> check_logs(const Files& files, const std::string& database,
                        std::vector<std::string>& findings) {
  Result<std::vector<std::string>> names = list_folder(files, database);
  if (!names) return std::move(names).error();
  std::sort(names->begin(), names->end());
  for (const std::string& name : *names) {
    if (!name.ends_with(".log") && !name.starts_with("MANIFEST-")) continue;
    const std::string path = database + "/" + name;
    const Result<LogInspection> found = inspect_log(files, path, LogDepth::checksums);
    if (!found) return found.error();
    if (!found->damaged) continue;
    findings.push_back(path + " is damaged at byte " + std::to_string(found->intact_bytes) +
                       " of " + std::to_string(found->size) +
                       (found->begun_behind ? ", with later records behind that"
                                            : "; nothing is behind that, so it may be a write that "
                                              "a power cut left unfinished"));
  }
  return {};
}

void check_mark(const Files& files, const std::string& directory, const Database& database,
                std::vector<std::string>& findings) {
  const Result<std::optional<SyncedMark::State>> mark = SyncedMark::read(files, directory);
  if (!mark) {
    findings.push_back(mark.error().detail);
  } else if (!*mark) {
    findings.push_back("the file " + directory + "/" + SyncedMark::file_name + " is missing");
  } else if (const std::uint64_t found = database.db().GetLatestSequenceNumber();
             found < (*mark)->sequence) {
    findings.push_back("writes up to " + std::to_string((*mark)->sequence) +
                       " were synced, and only those up to " + std::to_string(found) +
                       " are there: the log was emptied, cut short, deleted or replaced");
  }
}

}  // namespace

Result<std::unique_ptr<RocksExamination>> examine_rocks_store(const RocksOptions& options) {
  const Files files = Files::of_machine();
  const std::string directory = options.directory.string();
  const std::string path = directory + "/" + database_folder;
  const Result<bool> exists = file_exists(files, path);
  if (!exists) return exists.error();
  if (!*exists) return unavailable("there is no store in " + directory);
  Result<DirectoryLock> lock = DirectoryLock::take(options.directory);
  if (!lock) return lock.error();

  std::vector<std::string> findings;
  if (Result<void> checked = check_logs(files, path, findings); !checked) return checked.error();
  rocksdb::DBOptions db_options = database_options(options);
  // As far as it can be read: the findings say what is wrong with it.
  db_options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  std::unique_ptr<Database> database;
  const rocksdb::Status status =
      open_database(files, db_options, options, path, Access::read_only, database);
  if (!status.ok()) {
    Error error = to_error(status);
    for (const std::string& finding : findings) error.detail += "; " + finding;
    return error;
  }
  check_mark(files, directory, *database, findings);
  return std::unique_ptr<RocksExamination>(
      std::make_unique<Examination>(*std::move(lock), std::move(database), std::move(findings)));
}

}  // namespace quern::storage
