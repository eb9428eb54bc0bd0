#include <algorithm>
#include <atomic>
#include <utility>

#include "backup_directory.h"
#include "backup_source.h"
#include "data_directory.h"
#include "directory_lock.h"
#include "quern/storage/backups.h"
#include "quern/storage/keys.h"

namespace quern::storage {
namespace {

using Engine = std::shared_ptr<rocksdb::BackupEngine>;

std::string mib(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

// Why a copy is not to go on. Set by the thread that copies, or by one that closes the store.
struct Ending {
  std::atomic<bool> store_closes{false};
  bool stopped = false;
  std::optional<Error> no_space;
};

class Writer final : public BackupWriter {
 public:
  Writer(Options options, DirectoryLock lock)
      : options_(std::move(options)), lock_(std::move(lock)) {}

  Result<Backup> create(BackupSource& source, Timestamp now, const std::stop_token& stop) override {
    if (const std::optional<Error> full = no_space()) return *full;
    // A new one each time: one that was stopped stays so.
    const Result<Engine> engine = open_engine();
    if (!engine) return engine.error();
    Result<std::uint32_t> id = copy(**engine, source, now, stop);
    if (!id) {
      // What there was of it gives its space back now, not with the next backup.
      (*engine)->GarbageCollect().PermitUncheckedError();
      return std::move(id).error();
    }
    const BackupDirectory directory(files_, options_.directory, *engine);
    if (Result<void> opens = try_to_open(directory, *id); !opens) {
      (*engine)->DeleteBackup(*id).PermitUncheckedError();
      return std::move(opens).error();
    }
    return directory.find(*id);
  }

  Result<std::vector<Backup>> list() override {
    const Result<Engine> engine = open_engine();
    if (!engine) return engine.error();
    return BackupDirectory(files_, options_.directory, *engine).list();
  }

  Result<std::size_t> prune(std::size_t keep) override {
    const Result<Engine> engine = open_engine();
    if (!engine) return engine.error();
    const std::vector<Backup> backups = BackupDirectory(files_, options_.directory, *engine).list();
    std::size_t whole = 0;
    std::size_t removed = 0;
    for (const Backup& backup : backups) {
      // A damaged one does not count, and is kept for whoever looks into it as long as older ones.
      if (whole < keep) {
        whole += backup.damaged ? 0 : 1;
        continue;
      }
      const rocksdb::IOStatus status = (*engine)->DeleteBackup(backup.id);
      if (!status.ok()) {
        return backup_failed("backup " + std::to_string(backup.id) +
                             " cannot be removed: " + status.ToString());
      }
      ++removed;
    }
    return removed;
  }

 private:
  Result<Engine> open_engine() const {
    rocksdb::BackupEngine* raw = nullptr;
    const rocksdb::IOStatus status = rocksdb::BackupEngine::Open(
        backup_options(files_, options_.directory), files_.env.get(), &raw);
    if (status.ok()) return Engine(raw);
    return backup_failed("the backup directory " + options_.directory.string() +
                         " cannot be used: " + status.ToString());
  }

  std::optional<Error> no_space() const {
    std::uint64_t free = 0;
    const rocksdb::IOStatus status = files_.system->GetFreeSpace(
        options_.directory.string(), rocksdb::IOOptions(), &free, nullptr);
    if (!status.ok() || free >= options_.space_low_bytes) return std::nullopt;
    return backup_failed("only " + mib(free) + " are free in " + options_.directory.string() +
                         ", and a backup must leave " + mib(options_.space_low_bytes) +
                         " (space_low_bytes): keep fewer of them, or give them more room");
  }

  // Backups of two stores in one directory would push each other out.
  Result<void> check_owner(const rocksdb::BackupEngine& engine, const std::string& store_id) const {
    std::vector<rocksdb::BackupInfo> infos;
    engine.GetBackupInfo(&infos);
    for (const rocksdb::BackupInfo& info : infos) {
      const std::optional<BackupLabel> label = label_from(info.app_metadata);
      if (!label || label->store_id == store_id) continue;
      return backup_failed(options_.directory.string() +
                           " holds backups of another store: restore one of them, or give this "
                           "store a directory of its own");
    }
    return {};
  }

  Result<std::uint32_t> copy(rocksdb::BackupEngine& engine, BackupSource& source, Timestamp now,
                             const std::stop_token& stop) {
    Ending ending;
    Result<BackupSource::Hold> held = source.hold([&engine, &ending] {
      ending.store_closes = true;
      engine.StopBackup();
    });
    if (!held) return held.error();
    if (Result<void> ours = check_owner(engine, held->store_id()); !ours) return ours.error();

    rocksdb::CreateBackupOptions options;
    // Then what is new is in tables, which the next backup shares, and hardly anything in the log.
    options.flush_before_backup = true;
    options.decrease_background_thread_cpu_priority = true;
    options.background_thread_cpu_priority = rocksdb::CpuPriority::kLow;
    options.progress_callback = [&] {
      if (stop.stop_requested()) {
        ending.stopped = true;
        engine.StopBackup();
      } else if (std::optional<Error> full = no_space()) {
        ending.no_space = std::move(full);
        engine.StopBackup();
      }
    };
    const BackupLabel label{.store_id = held->store_id(), .created_at = now};
    rocksdb::BackupID id = 0;
    const rocksdb::IOStatus status =
        engine.CreateNewBackupWithMetadata(options, &held->database().db(), to_text(label), &id);
    if (status.ok()) return id;
    return failure(ending, status);
  }

  Error failure(const Ending& ending, const rocksdb::IOStatus& status) const {
    if (ending.no_space) return *ending.no_space;
    if (ending.stopped || ending.store_closes) {
      return Error{.code = ending.stopped ? ErrorCode::draining : ErrorCode::recovering,
                   .detail = "the store was closed before the backup was done",
                   .retry_after_seconds = 5};
    }
    return backup_failed("the backup to " + options_.directory.string() +
                         " failed: " + status.ToString());
  }

  // A backup that does not open is none.
  static Result<void> try_to_open(const BackupDirectory& directory, std::uint32_t id) {
    const rocksdb::IOStatus complete = directory.engine().VerifyBackup(id, false);
    if (!complete.ok()) return backup_failed("the new backup is damaged: " + complete.ToString());
    const Result<std::unique_ptr<Database>> database = directory.open_database(id);
    if (!database) return database.error();
    std::string meta;
    const Result<bool> found =
        get_at(**database, rocksdb::ReadOptions(), Table::meta, keys::format_version, meta);
    if (!found) return backup_failed("the new backup cannot be read: " + found.error().detail);
    if (!*found) return backup_failed("the new backup has no format record");
    return {};
  }

  const Options options_;
  const Files files_ = Files::of_machine();
  DirectoryLock lock_;
};

}  // namespace

Result<std::unique_ptr<BackupWriter>> BackupWriter::open(const Options& options) {
  std::error_code failure;
  if (!std::filesystem::exists(options.directory, failure)) {
    if (Result<void> made = make_directory(options.directory); !made) return made.error();
  }
  Result<DirectoryLock> lock = DirectoryLock::take(options.directory, "backup directory");
  if (!lock) return std::move(lock).error();
  return std::unique_ptr<BackupWriter>(std::make_unique<Writer>(options, *std::move(lock)));
}

}  // namespace quern::storage
