#include "manifest_recovery.h"

#include <rocksdb/wal_filter.h>

#include <algorithm>
#include <cstdlib>
#include <map>

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
    for (const auto& entry : log_of_family) {
      oldest_ = oldest_ == 0 ? entry.second : std::min(oldest_, entry.second);
    }
  }
  WalProcessingOption LogRecordFound(unsigned long long, const std::string&,
                                     const rocksdb::WriteBatch&, rocksdb::WriteBatch*,
                                     bool*) override {
    return WalProcessingOption::kIgnoreCurrentRecord;
  }
  // No family needs a log before it.
  std::uint64_t oldest() const { return oldest_; }

 private:
  std::uint64_t oldest_ = 0;
};

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
  if (!found->damaged) return cut;

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
  std::unique_ptr<Database> opened;
  const rocksdb::Status status =
      open_database(files_, db_options, options, database, Access::read_only, opened);
  if (!status.ok()) return to_error(status);
  std::uint64_t oldest = 0;
  opened->db().GetIntProperty(rocksdb::DB::Properties::kMinLogNumberToKeep, &oldest);
  oldest = std::max({oldest, nothing.oldest(), mark.first_log});
  const std::uint64_t in_tables = opened->db().GetLatestSequenceNumber();
  opened.reset();

  // What it does not list must lead on from where the tables end.
  Result<std::vector<std::string>> names = list_folder(files_, database);
  if (!names) return std::move(names).error();
  std::sort(names->begin(), names->end());
  for (const std::string& name : *names) {
    const bool needed =
        name.ends_with(".log") && std::strtoull(name.c_str(), nullptr, 10) >= oldest;
    if (!needed) continue;
    const Result<LogInspection> log = inspect_log(files_, database + "/" + name, LogDepth::framing);
    if (!log) return log.error();
    if (log->record_count == 0) continue;
    if (log->first_sequence <= in_tables + 1) return {};
    return corrupt("tables end with write " + std::to_string(in_tables) + ", and " + name +
                   " begins with write " + std::to_string(log->first_sequence));
  }
  return {};
}

Result<void> ManifestCut::undo() const { return write_file(files_, path_, *original_); }

}  // namespace quern::storage
