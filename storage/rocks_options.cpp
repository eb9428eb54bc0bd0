#include "rocks_options.h"

#include <rocksdb/convenience.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>

#include <algorithm>
#include <initializer_list>
#include <thread>
#include <vector>

namespace quern::storage {
namespace {

rocksdb::CompressionType first_supported(std::initializer_list<rocksdb::CompressionType> wanted) {
  static const std::vector<rocksdb::CompressionType> supported =
      rocksdb::GetSupportedCompressions();
  for (const rocksdb::CompressionType type : wanted) {
    if (std::find(supported.begin(), supported.end(), type) != supported.end()) return type;
  }
  return rocksdb::kNoCompression;
}

rocksdb::BlockBasedTableOptions table_options(Family family,
                                              const std::shared_ptr<rocksdb::Cache>& block_cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = block_cache;
  // In the cache, where they are bounded, instead of on the heap for as long as a file is open.
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  if (family == Family::index) {
    table.block_size = std::size_t{16} << 10;  // read in order: fewer, better compressed blocks
  } else {
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));  // about 1 % false positives
  }
  return table;
}

}  // namespace

const char* family_name(Family family) {
  switch (family) {
    case Family::state:
      return "default";
    case Family::bodies:
      return "bodies";
    case Family::index:
      return "index";
    case Family::blobs:
      return "blobs";
  }
  return "";
}

Family family_of(Table table) {
  switch (table) {
    case Table::meta:
    case Table::queues:
    case Table::queue_names:
    case Table::counters:
    case Table::status:
    case Table::running:
    case Table::keys:
      return Family::state;
    case Table::tasks:
      return Family::bodies;
    case Table::ready:
    case Table::timers:
    case Table::finished:
    case Table::correlation:
    case Table::moved:
      return Family::index;
    case Table::blobs:
    case Table::failures:
      return Family::blobs;
  }
  return Family::state;
}

rocksdb::DBOptions database_options(const RocksOptions& options) {
  rocksdb::DBOptions db;
  // A store is made whole under another name first, so what is missing here was lost.
  db.create_if_missing = false;
  db.create_missing_column_families = false;

  // Damage is an error, never an early end of the data.
  db.paranoid_checks = true;
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  db.track_and_verify_wals_in_manifest = true;
  db.fail_if_options_file_error = true;
  db.file_checksum_gen_factory = rocksdb::GetFileChecksumGenCrc32cFactory();
  db.max_open_files = -1;
  db.avoid_flush_during_recovery = false;

  // Bounds what a restart has to replay and the memory that memtables take.
  db.max_total_wal_size = 4 * static_cast<std::uint64_t>(options.write_buffer_bytes);
  db.max_manifest_file_size = options.manifest_bytes_max;
  db.bytes_per_sync = std::size_t{1} << 20;

  // One thread flushes (RocksDB gives it a quarter of the jobs, at least one), the rest compact.
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  db.max_background_jobs = std::clamp(cores, 2, 4);

  db.keep_log_file_num = 4;
  db.max_log_file_size = std::size_t{8} << 20;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  return db;
}

rocksdb::ColumnFamilyOptions family_options(Family family, const RocksOptions& options,
                                            const std::shared_ptr<rocksdb::Cache>& block_cache) {
  rocksdb::ColumnFamilyOptions cf;
  cf.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options(family, block_cache)));
  cf.write_buffer_size = options.write_buffer_bytes;
  cf.level_compaction_dynamic_level_bytes = true;

  const rocksdb::CompressionType fast = first_supported({rocksdb::kLZ4Compression});
  cf.compression = fast;
  if (family == Family::blobs) {
    cf.bottommost_compression = first_supported({rocksdb::kZSTD, rocksdb::kLZ4Compression});
  } else {
    cf.compression_per_level = {rocksdb::kNoCompression, fast};
  }

  // Each table of a family has a place of its own where its next keys go.
  if (family == Family::state || family == Family::index) {
    cf.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(1));
  }

  // A file is compacted once 2,048 of any 4,096 entries in a row, or half of all, are deletions:
  // a scan has to step over each of them, and finished tasks should give their space back.
  cf.table_properties_collector_factories.push_back(
      rocksdb::NewCompactOnDeletionCollectorFactory(4096, 2048, 0.5));
  return cf;
}

rocksdb::WriteOptions write_options(const RocksOptions& options) {
  rocksdb::WriteOptions write;
  write.sync = options.durability == Durability::fsync;
  return write;
}

}  // namespace quern::storage
