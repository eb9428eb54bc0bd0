// How RocksDB is set. FORMAT.md gives the reason for each setting that is not the default.
#pragma once

#include <rocksdb/cache.h>
#include <rocksdb/options.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "quern/storage/rocks_store.h"

namespace quern::storage {

// Tables that are read and written alike share a column family. Names reach disk.
enum class Family : std::uint8_t {
  state,   // small, overwritten or deleted often, read by key: RocksDB's "default"
  bodies,  // written once, read in order or by key
  index,   // keys without values, read in order only
  blobs,   // large, written once, read by key
};
inline constexpr std::size_t family_count = 4;

const char* family_name(Family family);
Family family_of(Table table);

rocksdb::DBOptions database_options(const RocksOptions& options);
rocksdb::ColumnFamilyOptions family_options(Family family, const RocksOptions& options,
                                            const std::shared_ptr<rocksdb::Cache>& block_cache);
rocksdb::WriteOptions write_options(const RocksOptions& options);

}  // namespace quern::storage
