#include "rocks_open.h"

#include <rocksdb/transaction_log.h>

#include <algorithm>
#include <random>
#include <string_view>
#include <utility>
#include <vector>

#include "data_directory.h"
#include "log_recovery.h"
#include "manifest_recovery.h"
#include "quern/storage/keys.h"
#include "quern/storage/records.pb.h"
#include "store_error.h"

namespace quern::storage {
namespace {

constexpr std::uint32_t format_known = 1;

// Tells stores apart, for whoever keeps backups of several.
std::string new_store_id() {
  std::random_device random;
  std::string id;
  constexpr std::string_view digits = "0123456789abcdef";
  for (int i = 0; i < 32; ++i) id += digits[random() % digits.size()];
  return id;
}

record::Meta new_meta() {
  record::Meta meta;
  meta.set_format(format_known);
  meta.set_partition_count(1);
  meta.set_synced_mark(true);
  meta.set_store_id(new_store_id());
  return meta;
}

rocksdb::Status write_meta(const Database& database, const record::Meta& meta) {
  rocksdb::WriteOptions options;
  options.sync = true;
  return database.db().Put(options, database.family(Table::meta),
                           StoredKey(Table::meta, keys::format_version).slice(),
                           meta.SerializeAsString());
}

// Makes the database under another name and renames it when it is whole, so that `db` either has
// everything or is not there.
Result<void> create_database(const Files& files, const RocksOptions& options) {
  const std::string directory = options.directory.string();
  const std::string unfinished = directory + "/" + unfinished_folder;
  if (Result<void> removed = remove_folder(files, unfinished); !removed) return removed;
  if (Result<void> marked = SyncedMark::replace(files, directory, {}); !marked) return marked;

  rocksdb::DBOptions db_options = database_options(options);
  db_options.create_if_missing = true;
  db_options.create_missing_column_families = true;
  db_options.error_if_exists = true;
  std::unique_ptr<Database> database;
  rocksdb::Status status =
      open_database(files, db_options, options, unfinished, Access::write, database);
  if (status.ok()) status = write_meta(*database, new_meta());
  if (status.ok()) status = database->close();
  if (!status.ok()) return to_error(status);
  database.reset();

  const rocksdb::IOStatus renamed =
      files.system->RenameFile(unfinished, database_path(options), rocksdb::IOOptions(), nullptr);
  if (!renamed.ok()) return unavailable("cannot rename " + unfinished + ": " + renamed.ToString());
  return sync_folder(files, directory);
}

Error newer_format(std::uint32_t found) {
  return corrupt("written by a newer Quern: format " + std::to_string(found) +
                 ", this server knows " + std::to_string(format_known) +
                 "; upgrade, or restore a backup");
}

Result<record::Meta> parse_meta(const std::string& bytes) {
  record::Meta meta;
  if (!meta.ParseFromString(bytes) || meta.format() == 0) {
    return corrupt("the format record is damaged");
  }
  if (meta.format() > format_known) return newer_format(meta.format());
  return meta;
}

// A newer format may have families that this server would not even open. The format record is in
// the default family in every format, so it can be asked.
Result<void> check_families(const Files& files, rocksdb::DBOptions db_options,
                            const std::string& path) {
  db_options.env = files.env.get();
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
    if (Result<record::Meta> meta = parse_meta(bytes); !meta) return meta.error();
  }
  return corrupt("its column families are not those of a Quern store");
}

Result<record::Meta> read_meta(const Database& database) {
  std::string bytes;
  const Result<bool> found =
      get_at(database, rocksdb::ReadOptions(), Table::meta, keys::format_version, bytes);
  if (!found) return found.error();
  if (!*found) return corrupt("it has no format record: not a Quern store");
  return parse_meta(bytes);
}

// The mark, or what stands for it in a store that was made before there were any.
Result<SyncedMark::State> expected_mark(const Files& files, const RocksOptions& options) {
  const std::string directory = options.directory.string();
  Result<std::optional<SyncedMark::State>> mark = SyncedMark::read(files, directory);
  if (mark && *mark) return **mark;
  if (options.accept_data_loss) return SyncedMark::State{};
  if (!mark) {
    mark.error().detail += "; without it nobody can tell whether the log is whole. ";
    mark.error().detail += damage_advice;
    return mark.error();
  }
  if (Result<void> ok = check_families(files, database_options(options), database_path(options));
      !ok) {
    return ok.error();
  }
  std::unique_ptr<Database> database;
  const rocksdb::Status status = open_database(files, database_options(options), options,
                                               database_path(options), Access::read_only, database);
  if (!status.ok()) return to_error(status);
  const Result<record::Meta> meta = read_meta(*database);
  if (!meta) return meta.error();
  if (!meta->synced_mark()) return SyncedMark::State{};
  return corrupt("the file " + directory + "/" + SyncedMark::file_name +
                 " is missing; without it nobody can tell whether the log is whole. " +
                 damage_advice);
}

Result<std::unique_ptr<Database>> open_checked(const Files& files, const RocksOptions& options,
                                               const SyncedMark::State& mark,
                                               const OpenedDatabase& opened) {
  const std::string path = database_path(options);
  if (Result<void> ready = prepare_logs(files, options, path, mark, LogDepth::framing); !ready) {
    return ready.error();
  }
  rocksdb::DBOptions db_options = database_options(options);
  db_options.listeners = {opened.fail_stop, opened.write_stalls};
  // It would not let a log go that was cut.
  if (options.accept_data_loss) db_options.track_and_verify_wals_in_manifest = false;
  std::unique_ptr<Database> database;
  rocksdb::Status status = open_database(files, db_options, options, path, Access::write, database);
  if (status.IsCorruption()) {
    // Perhaps a commit that a power cut left with all its lengths and not all of its bytes.
    if (Result<void> ready = prepare_logs(files, options, path, mark, LogDepth::checksums);
        !ready) {
      return ready.error();
    }
    status = open_database(files, db_options, options, path, Access::write, database);
  }
  if (!status.ok()) {
    Error error = to_error(status);
    if (error.code == ErrorCode::store_corrupt) error.detail += ". " + std::string(damage_advice);
    return error;
  }
  const std::uint64_t found = database->db().GetLatestSequenceNumber();
  if (found < mark.sequence && !options.accept_data_loss) return ends_too_early(found, mark);
  return database;
}

// A refusal, with the MANIFEST as it was.
Error refuse_manifest(const ManifestCut& cut, const Error& cause) {
  if (Result<void> undone = cut.undo(); !undone) return undone.error();
  return corrupt(cut.text() + ", and what it said there was in force: " + cause.detail + ". " +
                 damage_advice);
}

Result<OpenedDatabase> open_existing(const Files& files, const RocksOptions& options,
                                     const SyncedMark::State& mark) {
  const std::string directory = options.directory.string();
  if (Result<void> ok = check_families(files, database_options(options), database_path(options));
      !ok) {
    return ok.error();
  }
  OpenedDatabase opened;
  opened.fail_stop = std::make_shared<FailStop>();
  opened.write_stalls = std::make_shared<WriteStalls>();
  Result<std::unique_ptr<Database>> database = open_checked(files, options, mark, opened);
  if (!database) return std::move(database).error();
  opened.database = *std::move(database);
  Result<record::Meta> meta = read_meta(*opened.database);
  if (!meta) return std::move(meta).error();

  // The mark first: a store that says that it has one must have it.
  std::unique_ptr<rocksdb::LogFile> log;
  const rocksdb::Status status = opened.database->db().GetCurrentWalFile(&log);
  if (!status.ok()) return to_error(status);
  opened.mark = {.sequence = opened.database->db().GetLatestSequenceNumber(),
                 .first_log = log->LogNumber(),
                 .durability = options.durability};
  if (Result<void> marked = SyncedMark::replace(files, directory, opened.mark); !marked) {
    return marked.error();
  }
  // A store that was made before there were these.
  if (!meta->synced_mark() || meta->store_id().empty()) {
    meta->set_synced_mark(true);
    if (meta->store_id().empty()) meta->set_store_id(new_store_id());
    const rocksdb::Status written = write_meta(*opened.database, *meta);
    if (!written.ok()) return to_error(written);
  }
  opened.store_id = meta->store_id();
  return opened;
}

}  // namespace

std::string database_path(const RocksOptions& options) {
  return (options.directory / database_folder).string();
}

Result<OpenedDatabase> open_or_create(const Files& files, const RocksOptions& options) {
  const std::string directory = options.directory.string();
  const Result<bool> exists = file_exists(files, database_path(options));
  if (!exists) return exists.error();
  if (!*exists) {
    const Result<std::optional<SyncedMark::State>> mark = SyncedMark::read(files, directory);
    const bool had_one = !mark || (*mark && (*mark)->sequence > 0);
    if (had_one && !options.accept_data_loss) {
      return corrupt("the folder " + database_path(options) +
                     " is gone, and it held commits that were synced and answered. " +
                     damage_advice);
    }
    if (Result<void> made = create_database(files, options); !made) return made.error();
  }

  const Result<ManifestCut> cut = ManifestCut::at_damage(files, database_path(options));
  if (!cut) return cut.error();
  const Result<SyncedMark::State> mark = expected_mark(files, options);
  if (!mark) return cut->done() ? refuse_manifest(*cut, mark.error()) : mark.error();
  // A store that was never opened has no opening's changes to miss.
  if (!cut->done() && (mark->first_log == 0 || options.accept_data_loss)) {
    return open_existing(files, options, *mark);
  }
  Result<void> checked = cut->check(options, database_path(options), *mark);
  if (!checked && !options.accept_data_loss) return refuse_manifest(*cut, checked.error());
  Result<OpenedDatabase> opened = open_existing(files, options, *mark);
  if (!cut->done()) return opened;
  if (!opened) return refuse_manifest(*cut, opened.error());
  if (options.on_notice) options.on_notice(cut->text() + ": cut off there, nothing was lost");
  return opened;
}

}  // namespace quern::storage
