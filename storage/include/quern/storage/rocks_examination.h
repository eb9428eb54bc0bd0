// A store that no server uses, read as it lies there: for `quernd doctor`.
//
// Shape    nothing is repaired, cut, flushed or begun; but the directory is held (the file
// quernd.pid), so
//          that no server starts meanwhile.
// Threads  reads: any.
// Errors   store_unavailable: in use, not there, not readable. store_corrupt: RocksDB cannot open
// it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "quern/storage/rocks_store.h"

namespace quern::storage {

class RocksExamination : public Reader {
 public:
  // What is wrong with the files: logs, the mark of what was synced. In sentences, with their
  // names.
  virtual const std::vector<std::string>& findings() const = 0;
  // Reads all files and checks every checksum.
  virtual Result<void> verify_checksums() const = 0;
};

Result<std::unique_ptr<RocksExamination>> examine_rocks_store(const RocksOptions& options);

}  // namespace quern::storage
