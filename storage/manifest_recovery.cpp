#include "manifest_recovery.h"

#include <rocksdb/wal_filter.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <vector>

#include "log_inspection.h"
#include "rocks_database.h"
#include "store_error.h"

namespace quern::storage {
namespace {

// For opening a database with what its tables hold and nothing of its logs.
class NothingOfLogs final : public rocksdb::WalFilter {
 public:
  const char* Name() const override { return "NothingOfLogs"; }
  void ColumnFamilyLogNumberMap(const std::map<std::uint32_t, std::uint64_t>& log_of_family,
                                const std::map<std::string, std::uint32_t>&) override {
    log_of_family_ = log_of_family;
  }
  WalProcessingOption LogRecordFound(unsigned long long, const std::string&,
                                     const rocksdb::WriteBatch&, rocksdb::WriteBatch*,
                                     bool*) override {
    return WalProcessingOption::kIgnoreCurrentRecord;
  }
  // The first log that each family needs. Empty: there is no log at all.
  const std::map<std::uint32_t, std::uint64_t>& log_of_family() const { return log_of_family_; }

 private:
  std::map<std::uint32_t, std::uint64_t> log_of_family_;
};

struct NumberedLog {
  std::uint64_t number = 0;
  std::string path;
};

Result<std::vector<NumberedLog>> logs_from(const Files& files, const std::string& database,
                                           std::uint64_t first) {
  const Result<std::vector<std::string>> names = list_folder(files, database);
  if (!names) return names.error();
  std::vector<NumberedLog> logs;
  for (const std::string& name : *names) {
    const std::uint64_t number = std::strtoull(name.c_str(), nullptr, 10);
    if (name.ends_with(".log") && number >= first) logs.push_back({number, database + "/" + name});
  }
  return logs;
}

// Has anybody written into one of them?
Result<bool> hold_something(const Files& files, const std::vector<NumberedLog>& logs) {
  for (const NumberedLog& log : logs) {
    const Result<LogInspection> found = inspect_log(files, log.path, LogDepth::framing);
    if (!found) return found.error();
    if (found->record_count > 0 || found->damaged) return true;
  }
  return false;
}

}  // namespace

Result<ManifestCut> ManifestCut::at_damage(const Files& files, const std::string& database) {
  ManifestCut cut(files);
  const Result<bool> exists = file_exists(files, database + "/CURRENT");
  if (!exists) return exists.error();
  if (!*exists) return cut;
  Result<std::string> current = read_file(files, database + "/CURRENT");
  if (!current) return std::move(current).error();
  while (current->ends_with('\n')) current->pop_back();
  if (!current->starts_with("MANIFEST-")) return cut;
  cut.path_ = database + "/" + *current;
  const Result<bool> there = file_exists(files, cut.path_);
  if (!there) return there.error();
  if (!*there) return cut;
  const Result<LogInspection> found = inspect_log(files, cut.path_, LogDepth::checksums);
  if (!found) return found.error();
  cut.log_edit_count_ = found->log_edit_count;
  if (!found->damaged) {
    cut.text_ = cut.path_ + " ends too early, at byte " + std::to_string(found->size);
    return cut;
  }

  Result<std::string> original = read_file(files, cut.path_);
  if (!original) return std::move(original).error();
  cut.text_ = cut.path_ + " is damaged at byte " + std::to_string(found->intact_bytes) + " of " +
              std::to_string(found->size);
  if (Result<void> done = truncate_file(files, cut.path_, found->intact_bytes); !done) {
    return done.error();
  }
  cut.original_ = *std::move(original);
  return cut;
}

Result<void> ManifestCut::check(const RocksOptions& options, const std::string& database,
                                const SyncedMark::State& mark) const {
  // Opening finds missing table files, and missing logs that the MANIFEST lists.
  NothingOfLogs nothing;
  rocksdb::DBOptions db_options = database_options(options);
  db_options.wal_filter = &nothing;
  db_options.wal_recovery_mode = rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
  std::unique_ptr<Database> opened;
  const rocksdb::Status status =
      open_database(files_, db_options, options, database, Access::read_only, opened);
  // Without a cut, the real opening will say so better.
  if (!status.ok()) return done() ? Result<void>(to_error(status)) : Result<void>();
  std::uint64_t oldest_kept = 0;
  opened->db().GetIntProperty(rocksdb::DB::Properties::kMinLogNumberToKeep, &oldest_kept);
  const std::uint64_t in_tables = opened->db().GetLatestSequenceNumber();
  opened.reset();

  // RocksDB makes a log before it makes the MANIFEST, and always keeps one.
  const std::map<std::uint32_t, std::uint64_t>& log_of_family = nothing.log_of_family();
  if (log_of_family.empty()) return corrupt("there is no log");
  std::uint64_t lowest = UINT64_MAX;
  std::uint64_t highest = 0;
  for (const auto& entry : log_of_family) {
    lowest = std::min(lowest, entry.second);
    highest = std::max(highest, entry.second);
  }
  // Each family has a change in the copy of the state, and one from what the opening made of the
  // logs. A copy that was made later, since the MANIFEST had grown, shows by newer logs.
  const bool begun = log_edit_count_ >= 2 * log_of_family.size() || highest > mark.first_log;
  if (lowest == 0 || !begun) return corrupt("it was synced before the database was opened");

  // The opening put all logs before mark.first_log into tables. A family that has had nothing to
  // flush since then keeps the number of a log that was let go.
  const std::uint64_t needed = std::max({oldest_kept, lowest, mark.first_log});
  const Result<std::vector<NumberedLog>> logs = logs_from(files_, database, needed);
  if (!logs) return logs.error();
  if (std::any_of(logs->begin(), logs->end(),
                  [needed](const NumberedLog& log) { return log.number == needed; })) {
    return {};
  }
  // There never was such a log if an opening made tables of all there were, and got no further than
  // that: then families ask for the number behind the last log, all alike, and no log holds more.
  if (lowest == highest && in_tables >= mark.sequence) {
    const Result<bool> more = hold_something(files_, *logs);
    if (!more) return more.error();
    if (!*more) return {};
  }
  return corrupt("log " + std::to_string(needed) + " is gone, and tables do not hold all of it");
}

Result<void> ManifestCut::undo() const {
  if (!done()) return {};
  return write_file(files_, path_, *original_);
}

}  // namespace quern::storage
