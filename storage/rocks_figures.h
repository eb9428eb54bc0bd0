// What RocksDB tells of its size and of how it keeps pace.
//
// Threads  any. Takes the database's mutex for a moment: for who looks every few seconds.
#pragma once

#include <string>

#include "quern/storage/store.h"
#include "rocks_database.h"
#include "write_stalls.h"

namespace quern::storage {

// `path`: where the database is. What cannot be told is 0.
StoreFigures figures_of(const Database& database, const std::string& path,
                        const WriteStalls& stalls);

}  // namespace quern::storage
