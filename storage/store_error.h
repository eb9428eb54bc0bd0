// The two errors of a store: what a later try may mend, and damage.
#pragma once

#include <rocksdb/status.h>

#include <string>
#include <utility>

#include "quern/protocol/result.h"

namespace quern::storage {

inline Error unavailable(std::string detail) {
  return Error{.code = ErrorCode::store_unavailable, .detail = std::move(detail)};
}

inline Error corrupt(std::string detail) {
  return Error{.code = ErrorCode::store_corrupt, .detail = std::move(detail)};
}

// A file that RocksDB knows of and cannot find is as much damage as a bad checksum.
inline Error to_error(const rocksdb::Status& status) {
  const bool damaged = status.IsCorruption() || status.IsPathNotFound();
  return damaged ? corrupt(status.ToString()) : unavailable(status.ToString());
}

}  // namespace quern::storage
