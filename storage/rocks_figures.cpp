#include "rocks_figures.h"

#include <string_view>
#include <vector>

namespace quern::storage {
namespace {

using Properties = rocksdb::DB::Properties;

std::uint64_t number(const Database& database, const std::string& property) {
  std::uint64_t value = 0;
  database.db().GetIntProperty(property, &value);
  return value;
}

// Of all families together.
std::uint64_t sum(const Database& database, const std::string& property) {
  std::uint64_t value = 0;
  database.db().GetAggregatedIntProperty(property, &value);
  return value;
}

std::uint64_t log_bytes(const Files& files, const std::string& path) {
  constexpr std::string_view ending = ".log";
  std::uint64_t bytes = 0;
  const Result<std::vector<std::string>> names = list_folder(files, path);
  if (!names) return 0;
  for (const std::string& name : *names) {
    if (!name.ends_with(ending)) continue;
    std::uint64_t size = 0;
    // One that was dropped since the folder was read counts nothing.
    const rocksdb::IOStatus status =
        files.system->GetFileSize(path + "/" + name, rocksdb::IOOptions(), &size, nullptr);
    if (status.ok()) bytes += size;
  }
  return bytes;
}

}  // namespace

StoreFigures figures_of(const Database& database, const std::string& path,
                        const WriteStalls& stalls) {
  return {.table_bytes = sum(database, Properties::kLiveSstFilesSize),
          .log_bytes = log_bytes(database.files(), path),
          .memtable_bytes = sum(database, Properties::kSizeAllMemTables),
          .block_cache_bytes = number(database, Properties::kBlockCacheUsage),
          .compaction_pending_bytes = sum(database, Properties::kEstimatePendingCompactionBytes),
          .compactions_running = number(database, Properties::kNumRunningCompactions),
          .flushes_running = number(database, Properties::kNumRunningFlushes),
          .background_errors = number(database, Properties::kBackgroundErrors),
          .write_slowdowns = stalls.slowdowns(),
          .write_stops = stalls.stops(),
          .writes_slowed = number(database, Properties::kActualDelayedWriteRate) > 0,
          .writes_stopped = number(database, Properties::kIsWriteStopped) > 0};
}

}  // namespace quern::storage
