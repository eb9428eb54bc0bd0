#include "manifest_recovery.h"

#include <algorithm>

#include "log_inspection.h"
#include "log_recovery.h"
#include "rocks_database.h"
#include "store_error.h"

namespace quern::storage {

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
  const Result<ReadOnlyLook> look =
      look_at(files_, options, database, rocksdb::WALRecoveryMode::kPointInTimeRecovery);
  if (!look) return look.error();
  const Result<std::vector<std::string>> names = list_folder(files_, database);
  if (!names) return names.error();
  // Table files are looked for by RocksDB, but of the logs it only knows which it may forget.
  const std::uint64_t oldest = std::max(look->oldest, mark.first_log);
  const bool there = std::any_of(names->begin(), names->end(), [oldest](const std::string& name) {
    return name.ends_with(".log") && std::strtoull(name.c_str(), nullptr, 10) == oldest;
  });
  if (!there) return corrupt("and the log " + std::to_string(oldest) + " is gone");
  return {};
}

Result<void> ManifestCut::undo() const { return write_file(files_, path_, *original_); }

}  // namespace quern::storage
