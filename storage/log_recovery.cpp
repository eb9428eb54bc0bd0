#include "log_recovery.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "rocks_database.h"
#include "store_error.h"

namespace quern::storage {

const char* const damage_advice =
    "Nothing was changed. Restore a backup, or repair the disk and put the file back; to go on "
    "with what is intact before the damage and lose the rest, start once with --accept-data-loss";

namespace {

const rocksdb::IOOptions no_options;
constexpr const char* damaged_folder = "damaged";

struct Log {
  std::uint64_t number = 0;
  std::string path;
  LogInspection found;

  // Somebody began to write into it.
  bool begun() const { return found.record_count > 0 || found.damaged; }
};

Result<std::vector<Log>> logs_in(const Files& files, const std::string& database, LogDepth depth) {
  const Result<std::vector<std::string>> names = list_folder(files, database);
  if (!names) return names.error();
  std::vector<Log> logs;
  for (const std::string& name : *names) {
    if (!name.ends_with(".log")) continue;
    Log log{.number = 0, .path = database + "/" + name, .found = {}};
    std::from_chars(name.data(), name.data() + name.size(), log.number);
    Result<LogInspection> found = inspect_log(files, log.path, depth);
    if (!found) return std::move(found).error();
    log.found = *found;
    logs.push_back(std::move(log));
  }
  std::sort(logs.begin(), logs.end(),
            [](const Log& a, const Log& b) { return a.number < b.number; });
  return logs;
}

// Where the logs stop telling one story: the log at fault, and the first that is not to be
// believed.
struct Gap {
  std::vector<Log>::iterator log;     // damaged, or missing its end
  std::vector<Log>::iterator behind;  // damaged itself, or what comes after it
  std::uint64_t last = 0;             // write before the gap; 0: none is in a log

  std::string text() const {
    const std::string at = " at byte " + std::to_string(log->found.intact_bytes) + " of " +
                           std::to_string(log->found.size);
    if (!log->found.damaged) {
      return log->path + " ends too early," + at + ": " + behind->path + " goes on with write " +
             std::to_string(behind->found.first_sequence);
    }
    return log->path + " is damaged" + at +
           (log->found.begun_behind ? ", and later commits are behind that" : "");
  }
};

std::optional<Gap> first_gap(std::vector<Log>& logs) {
  std::uint64_t last = 0;
  for (auto log = logs.begin(); log != logs.end(); ++log) {
    if (log->found.damaged) return Gap{log, log, std::max(last, log->found.last_sequence)};
    last = std::max(last, log->found.last_sequence);
    const auto next = std::find_if(log + 1, logs.end(), [](const Log& l) { return l.begun(); });
    if (next == logs.end() || next->found.record_count == 0) continue;
    // RocksDB begins a log only when it writes into it, and only when it wrote into the one before.
    const bool emptied = log->found.record_count == 0;
    if (emptied || next->found.first_sequence > last + 1) return Gap{log, next, last};
  }
  return std::nullopt;
}

Error with_advice(Error error) {
  if (error.code == ErrorCode::store_corrupt) error.detail += ". " + std::string(damage_advice);
  return error;
}

void notify(const RocksOptions& options, const std::string& text) {
  if (options.on_notice) options.on_notice(text);
}

Result<void> keep_aside(const Files& files, const std::string& directory, const Log& log) {
  const std::string folder = directory + "/" + damaged_folder;
  const rocksdb::IOStatus made = files.system->CreateDirIfMissing(folder, no_options, nullptr);
  if (!made.ok()) return unavailable("cannot create " + folder + ": " + made.ToString());
  const Result<std::string> bytes = read_file(files, log.path);
  if (!bytes) return bytes.error();
  const std::string name = log.path.substr(log.path.rfind('/') + 1);
  if (Result<void> kept = write_file(files, folder + "/" + name, *bytes); !kept) return kept;
  return sync_folder(files, folder);
}

// What is left is a prefix. The last logs go first, so that a crash on the way leaves no gap that
// nobody knows of.
Result<void> cut(const Files& files, const std::string& database, std::vector<Log>& logs,
                 const Gap& gap) {
  const auto first = gap.log->found.damaged ? gap.log + 1 : gap.behind;
  for (auto log = logs.end(); log != first;) {
    --log;
    const rocksdb::IOStatus status = files.system->DeleteFile(log->path, no_options, nullptr);
    if (!status.ok()) return unavailable("cannot remove " + log->path + ": " + status.ToString());
    if (Result<void> synced = sync_folder(files, database); !synced) return synced;
  }
  if (!gap.log->found.damaged) return {};
  return truncate_file(files, gap.log->path, gap.log->found.intact_bytes);
}

// Was something lost that had been synced?
bool breaks_promise(std::vector<Log>& logs, const Gap& gap, const SyncedMark::State& mark,
                    std::uint64_t reach) {
  if (!gap.log->found.damaged) {
    // The log had an end, which was synced before the next one was written to, unless with
    // durability os: then only what the mark covers was.
    if (mark.durability == Durability::fsync) return true;
    return mark.sequence > gap.last &&
           (gap.last > 0 || mark.sequence >= gap.behind->found.first_sequence);
  }
  if (reach < mark.sequence) return true;
  if (mark.durability == Durability::os) return false;
  return gap.log->found.begun_behind ||
         std::any_of(gap.log + 1, logs.end(), [](const Log& log) { return log.begun(); });
}

}  // namespace

Result<void> prepare_logs(const Files& files, const RocksOptions& options,
                          const std::string& database, const SyncedMark::State& mark,
                          LogDepth depth) {
  Result<std::vector<Log>> logs = logs_in(files, database, depth);
  if (!logs) return std::move(logs).error();
  std::uint64_t last = 0;
  for (const Log& log : *logs) last = std::max(last, log.found.last_sequence);
  if (last >= mark.sequence && !first_gap(*logs)) return {};

  // Table files may have what the logs have not, and old logs that nobody needs may be left, which
  // RocksDB removes in any order.
  Result<ReadOnlyLook> look =
      look_at(files, options, database, rocksdb::WALRecoveryMode::kPointInTimeRecovery);
  if (!look && mark.durability == Durability::fsync) {
    // RocksDB wants no families that are ahead of a damaged log. When nothing is behind the damage,
    // what it reaches past it is the same; when something is, that decides below.
    look = look_at(files, options, database, rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords);
  }
  if (!look && !options.accept_data_loss) return with_advice(look.error());
  const std::uint64_t reach = look ? look->reach : 0;
  const std::uint64_t oldest = std::max(mark.first_log, look ? look->oldest : 0);
  std::erase_if(*logs, [oldest](const Log& log) { return log.number < oldest; });
  const std::optional<Gap> gap = first_gap(*logs);
  if (!gap) {
    if (reach >= mark.sequence || options.accept_data_loss) return {};
    return ends_too_early(reach, mark);
  }
  const bool broken = breaks_promise(*logs, *gap, mark, reach);
  if (broken && !options.accept_data_loss) {
    return corrupt(gap->text() + "; it held commits that were synced and answered. " +
                   damage_advice);
  }
  if (!broken) {
    notify(options, gap->text() + ": cut off there; what was behind was never answered for good");
  } else {
    for (auto log = gap->log; log != logs->end(); ++log) {
      Result<void> kept = keep_aside(files, options.directory.string(), *log);
      if (!kept) return kept;
    }
    notify(options, "data loss accepted: " + gap->text() +
                        "; kept what comes before, the logs are in " + options.directory.string() +
                        "/" + damaged_folder);
  }
  return cut(files, database, *logs, *gap);
}

Result<ReadOnlyLook> look_at(const Files& files, const RocksOptions& options,
                             const std::string& database, rocksdb::WALRecoveryMode mode) {
  rocksdb::DBOptions db_options = database_options(options);
  db_options.wal_recovery_mode = mode;
  std::unique_ptr<Database> opened;
  const rocksdb::Status status =
      open_database(files, db_options, options, database, Access::read_only, opened);
  if (!status.ok()) return to_error(status);
  ReadOnlyLook look{.reach = opened->db().GetLatestSequenceNumber()};
  opened->db().GetIntProperty(rocksdb::DB::Properties::kMinLogNumberToKeep, &look.oldest);
  return look;
}

Error ends_too_early(std::uint64_t found, const SyncedMark::State& mark) {
  return corrupt("writes up to " + std::to_string(mark.sequence) +
                 " were synced, and the database holds only those up to " + std::to_string(found) +
                 ": its log was emptied, cut short, deleted or replaced by an older one. " +
                 damage_advice);
}

}  // namespace quern::storage
