#include <utility>

#include "backup_directory.h"
#include "data_directory.h"
#include "directory_lock.h"
#include "quern/storage/backups.h"
#include "quern/storage/rocks_store.h"
#include "synced_mark.h"

namespace quern::storage {
namespace {

namespace fs = std::filesystem;

Result<void> move_into_place(const Files& files, const fs::path& from, const fs::path& to) {
  const rocksdb::IOStatus status =
      files.system->RenameFile(from.string(), to.string(), rocksdb::IOOptions(), nullptr);
  if (!status.ok()) {
    return backup_failed("cannot move " + from.string() + " to " + to.string() + ": " +
                         status.ToString());
  }
  return sync_folder(files, to.parent_path().string());
}

Result<void> remove_folders(const fs::path& path) {
  std::error_code failure;
  fs::remove_all(path, failure);
  if (!failure) return {};
  return backup_failed("cannot remove " + path.string() + ": " + failure.message());
}

// Opens the copy as a server does: what a commit that was under way has left at the end of the log
// is cut off, the mark of what is synced is made, and all of it is synced.
Result<void> finish_store(const Files& files, const Restoration& restoration,
                          const fs::path& stage) {
  Result<std::unique_ptr<Store>> store =
      open_rocks_store({.directory = stage, .on_notice = restoration.on_notice});
  if (!store) return std::move(store).error();
  if (Result<void> prepared = restoration.prepare(**store); !prepared) return prepared;
  store->reset();
  // A backup may be without any log. Then this opening had nothing to say of one in the MANIFEST,
  // where later ones look for that: so it counts as a store that was never opened.
  const Result<std::optional<SyncedMark::State>> mark = SyncedMark::read(files, stage.string());
  if (!mark) return mark.error();
  SyncedMark::State state = mark->value_or(SyncedMark::State{});
  state.first_log = 0;
  return SyncedMark::replace(files, stage.string(), state);
}

Result<void> fill(const Restoration& restoration, const BackupDirectory& backups, std::uint32_t id,
                  const fs::path& stage) {
  const Files files = Files::of_machine();
  if (Result<void> made = make_directory(stage); !made) return made;
  const std::string database = (stage / database_folder).string();
  const rocksdb::IOStatus status =
      backups.engine().RestoreDBFromBackup(rocksdb::RestoreOptions(), id, database, database);
  if (!status.ok()) {
    return backup_failed("backup " + std::to_string(id) +
                         " cannot be restored: " + status.ToString());
  }
  if (Result<void> synced = sync_folder(files, database); !synced) return synced;
  // Nothing is known of how far its log was synced: all of it counts that is there.
  if (Result<void> marked = SyncedMark::replace(files, stage.string(), {}); !marked) return marked;
  return finish_store(files, restoration, stage);
}

}  // namespace

Result<Backup> restore_backup(const Restoration& restoration) {
  const Files files = Files::of_machine();
  const Result<BackupDirectory> backups = BackupDirectory::open(files, restoration.backups);
  if (!backups) return backups.error();
  Result<Backup> backup = backups->find(restoration.id);
  if (!backup) return backup;
  if (backup->damaged) {
    return backup_failed("backup " + std::to_string(backup->id) +
                         " is damaged: restore an older one");
  }
  const fs::path& data = restoration.data;
  if (Result<void> ready = prepare_for_restore(data); !ready) return ready.error();
  Result<DirectoryLock> lock = DirectoryLock::take(data);
  if (!lock) return std::move(lock).error();

  // As long as there is this folder and no database, no server starts here.
  const fs::path stage = data / restoring_folder;
  if (Result<void> removed = remove_folders(stage); !removed) return removed.error();
  if (Result<void> filled = fill(restoration, *backups, backup->id, stage); !filled) {
    return filled.error();
  }
  // The mark first: a database without it would be refused, one that is missing is told by it.
  for (const char* part : {SyncedMark::file_name, database_folder}) {
    if (Result<void> moved = move_into_place(files, stage / part, data / part); !moved) {
      return moved.error();
    }
  }
  if (Result<void> removed = remove_folders(stage); !removed) return removed.error();
  return backup;
}

}  // namespace quern::storage
