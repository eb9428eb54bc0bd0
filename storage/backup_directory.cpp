#include "backup_directory.h"

#include <algorithm>
#include <charconv>
#include <cstdarg>
#include <map>
#include <utility>

#include "checksum.h"
#include "quern/storage/backups.h"
#include "rocks_options.h"
#include "stoppable_files.h"
#include "store_error.h"

namespace quern::storage {
namespace {

// On disk: never change. "quern-1 <store id> <milliseconds since the epoch> <CRC-32C of all
// before>"
constexpr std::string_view label_start = "quern-1 ";

// RocksDB keeps a log beside a database that it opens. A backup is not written to.
class NoLog final : public rocksdb::Logger {
 public:
  NoLog() : Logger(rocksdb::InfoLogLevel::FATAL_LEVEL) {}
  using Logger::Logv;
  void Logv(const char*, va_list) override {}
};

Error no_such_backup(const std::filesystem::path& directory, std::uint32_t id) {
  return Error{.code = ErrorCode::backup_not_found,
               .detail = "there is no backup " + std::to_string(id) + " in " + directory.string()};
}

// What only one of the backups has.
std::map<std::string, int> users_of_files(const std::vector<rocksdb::BackupInfo>& infos) {
  std::map<std::string, int> users;
  for (const rocksdb::BackupInfo& info : infos) {
    for (const rocksdb::BackupFileInfo& file : info.file_details) ++users[file.relative_filename];
  }
  return users;
}

Backup backup_of(const rocksdb::BackupInfo& info, const std::map<std::string, int>& users) {
  Backup backup{.id = info.backup_id,
                .created_at = Timestamp{info.timestamp * 1000},
                .bytes = info.size,
                .own_bytes = 0,
                .file_count = info.number_files,
                .store_id = {},
                .damaged = false};
  for (const rocksdb::BackupFileInfo& file : info.file_details) {
    if (users.at(file.relative_filename) == 1) backup.own_bytes += file.size;
  }
  const std::optional<BackupLabel> label = label_from(info.app_metadata);
  if (label) {
    backup.created_at = label->created_at;
    backup.store_id = label->store_id;
  }
  backup.damaged = !label;
  return backup;
}

class BackupReader final : public Reader {
 public:
  BackupReader(BackupDirectory directory, std::unique_ptr<Database> database)
      : directory_(std::move(directory)), database_(std::move(database)) {}

  Result<bool> get(Table table, std::string_view key, std::string& value) const override {
    return get_at(*database_, rocksdb::ReadOptions(), table, key, value);
  }
  Result<void> scan(Table table, const Range& range, const Visitor& visit) const override {
    return scan_at(*database_, rocksdb::ReadOptions(), table, range, visit);
  }

 private:
  BackupDirectory directory_;  // the database reads through its files
  std::unique_ptr<Database> database_;
};

Error stopped() {
  return Error{.code = ErrorCode::draining,
               .detail = "the server is stopping: the look at the backup was ended",
               .retry_after_seconds = 5};
}

}  // namespace

std::string to_text(const BackupLabel& label) {
  std::string text(label_start);
  text += label.store_id + " " + std::to_string(label.created_at.ms) + " ";
  return text + std::to_string(crc32c(text));
}

std::optional<BackupLabel> label_from(std::string_view text) {
  const std::size_t last = text.rfind(' ');
  if (!text.starts_with(label_start) || last == std::string_view::npos) return std::nullopt;
  const std::string_view guarded = text.substr(0, last + 1);
  if (text.substr(last + 1) != std::to_string(crc32c(guarded))) return std::nullopt;
  std::string_view rest = guarded.substr(label_start.size());
  const std::size_t gap = rest.find(' ');
  BackupLabel label{.store_id = std::string(rest.substr(0, gap)), .created_at = {}};
  if (gap == std::string_view::npos || label.store_id.empty()) return std::nullopt;
  rest.remove_prefix(gap + 1);
  std::from_chars(rest.data(), rest.data() + rest.size(), label.created_at.ms);
  return label;
}

rocksdb::BackupEngineOptions backup_options(const Files& files,
                                            const std::filesystem::path& directory) {
  rocksdb::BackupEngineOptions options(directory.string(), files.env.get());
  // Each of these is RocksDB's default. They say what we rely on.
  options.share_table_files = true;
  options.share_files_with_checksum = true;
  options.backup_log_files = true;
  options.sync = true;
  options.max_background_operations = 1;
  return options;
}

Result<BackupDirectory> BackupDirectory::open(Files files, const std::filesystem::path& directory) {
  const Result<bool> exists = file_exists(files, directory.string() + "/meta");
  if (!exists) return backup_failed(exists.error().detail);
  if (!*exists) return backup_failed("there are no backups in " + directory.string());
  rocksdb::BackupEngineReadOnly* raw = nullptr;
  const rocksdb::IOStatus status =
      rocksdb::BackupEngineReadOnly::Open(backup_options(files, directory), files.env.get(), &raw);
  if (!status.ok()) {
    return backup_failed("the backups in " + directory.string() +
                         " cannot be read: " + status.ToString());
  }
  std::shared_ptr<rocksdb::BackupEngineReadOnlyBase> engine(raw);
  return BackupDirectory(std::move(files), directory, std::move(engine));
}

std::vector<Backup> BackupDirectory::list() const {
  std::vector<rocksdb::BackupInfo> infos;
  engine_->GetBackupInfo(&infos, true);
  const std::map<std::string, int> users = users_of_files(infos);
  std::vector<Backup> backups;
  for (const rocksdb::BackupInfo& info : infos) backups.push_back(backup_of(info, users));
  std::vector<rocksdb::BackupID> damaged;
  engine_->GetCorruptedBackups(&damaged);
  for (const rocksdb::BackupID id : damaged) {
    Backup& backup = backups.emplace_back();
    backup.id = id;
    backup.damaged = true;
  }
  std::ranges::sort(backups, std::greater(), &Backup::id);
  return backups;
}

Result<Backup> BackupDirectory::find(std::optional<std::uint32_t> id) const {
  const std::vector<Backup> backups = list();
  const auto found = std::ranges::find_if(
      backups, [&](const Backup& backup) { return id ? backup.id == *id : !backup.damaged; });
  if (found != backups.end()) return *found;
  if (id) return no_such_backup(directory_, *id);
  return Error{.code = ErrorCode::backup_not_found,
               .detail = "there is no whole backup in " + directory_.string()};
}

Result<std::unique_ptr<Database>> BackupDirectory::open_database(std::uint32_t id) const {
  rocksdb::BackupInfo info;
  const rocksdb::Status found = engine_->GetBackupInfo(id, &info, true);
  if (!found.ok()) {
    return backup_failed("backup " + std::to_string(id) + " is damaged: " + found.ToString());
  }
  const Files files{info.env_for_open->GetFileSystem(), info.env_for_open};
  const RocksOptions options;
  rocksdb::DBOptions db_options = database_options(options);
  db_options.info_log = std::make_shared<NoLog>();
  std::unique_ptr<Database> database;
  const rocksdb::Status status = storage::open_database(
      files, db_options, options, info.name_for_open, Access::read_only, database);
  if (!status.ok()) {
    return backup_failed("backup " + std::to_string(id) + " does not open: " + status.ToString());
  }
  return database;
}

Result<std::vector<Backup>> list_backups(const std::filesystem::path& directory) {
  const Result<BackupDirectory> backups = BackupDirectory::open(Files::of_machine(), directory);
  if (!backups) return backups.error();
  return backups->list();
}

Result<std::vector<std::string>> check_backup_files(const std::filesystem::path& directory,
                                                    std::uint32_t id, const std::stop_token& stop) {
  const Result<BackupDirectory> backups = BackupDirectory::open(stoppable_files(stop), directory);
  if (!backups) return stop.stop_requested() ? stopped() : backups.error();
  const Result<Backup> backup = backups->find(id);
  if (!backup) return backup.error();
  std::vector<std::string> findings;
  if (backup->damaged) {
    findings.emplace_back("its files are not those that its description in " + directory.string() +
                          "/meta names, or that is damaged itself");
  }
  const rocksdb::IOStatus status = backups->engine().VerifyBackup(id, true);
  if (stop.stop_requested()) return stopped();
  if (!status.ok()) findings.push_back(status.ToString());
  return findings;
}

Result<std::unique_ptr<Reader>> open_backup(const std::filesystem::path& directory,
                                            std::uint32_t id, const std::stop_token& stop) {
  Result<BackupDirectory> backups = BackupDirectory::open(stoppable_files(stop), directory);
  if (!backups) return stop.stop_requested() ? stopped() : std::move(backups).error();
  Result<std::unique_ptr<Database>> database = backups->open_database(id);
  if (!database) return stop.stop_requested() ? stopped() : std::move(database).error();
  return std::unique_ptr<Reader>(
      std::make_unique<BackupReader>(*std::move(backups), *std::move(database)));
}

}  // namespace quern::storage
