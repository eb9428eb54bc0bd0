#include <array>

#include "metrics/families.h"
#include "metrics/family.h"

namespace quern::server {
namespace {

struct StorageNumber {
  const char* name;
  const char* help;
  std::uint64_t storage::StoreFigures::*value;
};

constexpr std::array<StorageNumber, 7> gauges = {{
    {"quern_storage_table_bytes", "Size of the sorted files in use.",
     &storage::StoreFigures::table_bytes},
    {"quern_storage_log_bytes", "Size of the write-ahead logs.", &storage::StoreFigures::log_bytes},
    {"quern_storage_memtable_bytes", "Memory for what is in the log and not yet in a sorted file.",
     &storage::StoreFigures::memtable_bytes},
    {"quern_storage_block_cache_bytes", "Memory for blocks of sorted files that were read.",
     &storage::StoreFigures::block_cache_bytes},
    {"quern_storage_compaction_pending_bytes", "About how much compaction has still to rewrite.",
     &storage::StoreFigures::compaction_pending_bytes},
    {"quern_storage_compactions_running", "Compactions that run now.",
     &storage::StoreFigures::compactions_running},
    {"quern_storage_flushes_running", "Flushes of memory to sorted files that run now.",
     &storage::StoreFigures::flushes_running},
}};

constexpr std::array<StorageNumber, 3> counters = {{
    {"quern_storage_background_errors_total", "Flushes and compactions that failed.",
     &storage::StoreFigures::background_errors},
    {"quern_storage_write_slowdowns_total",
     "How often compaction was so far behind that writes were slowed down.",
     &storage::StoreFigures::write_slowdowns},
    {"quern_storage_write_stops_total",
     "How often compaction was so far behind that writes had to stop.",
     &storage::StoreFigures::write_stops},
}};

}  // namespace

void add_storage_families(const MetricsSources& sources, Families& families) {
  families.push_back(single(
      gauge("quern_storage_free_bytes", "Free space of the file system that the data is on."),
      static_cast<double>(sources.free_bytes())));
  families.push_back(
      single(gauge("quern_storage_low_bytes", "Free space below which no new tasks are taken."),
             static_cast<double>(sources.space_low_bytes)));

  const std::shared_ptr<const storage::Store> store = sources.engine.store();
  if (!store) return;
  const storage::StoreFigures figures = store->figures();
  for (const StorageNumber& shown : gauges) {
    families.push_back(
        single(gauge(shown.name, shown.help), static_cast<double>(figures.*shown.value)));
  }
  for (const StorageNumber& shown : counters) {
    families.push_back(
        single(counter(shown.name, shown.help), static_cast<double>(figures.*shown.value)));
  }
  families.push_back(
      single(gauge("quern_storage_writes_slowed", "1 while writes are slowed down for compaction."),
             figures.writes_slowed ? 1 : 0));
  families.push_back(
      single(gauge("quern_storage_writes_stopped", "1 while writes are stopped for compaction."),
             figures.writes_stopped ? 1 : 0));
}

}  // namespace quern::server
