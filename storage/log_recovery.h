// Decides, before RocksDB opens a database, whether its logs hold all that was synced, and takes
// away what a power cut left unfinished.
//
//   whole                                            open
//   damaged behind the mark, and no later commit     the last commit was never finished, hence
//   never was begun (or the log was written with           answered: it is cut off durability os,
//   which promises nothing there) anything else                                    refuse, and
//   leave every file as it is
//
// Threads  none: whoever opens the store.
// Errors   store_corrupt: what was synced is damaged or missing; the detail says which file, where,
// and
//          what can be done. store_unavailable: a file could not be read or cut.
#pragma once

#include <rocksdb/options.h>

#include <string>

#include "files.h"
#include "log_inspection.h"
#include "quern/storage/rocks_store.h"
#include "synced_mark.h"

namespace quern::storage {

// What to do about it, for the end of a refusal.
extern const char* const damage_advice;

// `database`: the folder of the database. With options.accept_data_loss what is behind the damage
// goes to the folder `damaged`, too.
Result<void> prepare_logs(const Files& files, const RocksOptions& options,
                          const std::string& database, const SyncedMark::State& mark,
                          LogDepth depth);

struct ReadOnlyLook {
  std::uint64_t reach = 0;   // the last write that RocksDB finds
  std::uint64_t oldest = 0;  // log that RocksDB still needs
};

// What RocksDB itself makes of the database, with its logs read as `mode` says. Changes nothing.
Result<ReadOnlyLook> look_at(const Files& files, const RocksOptions& options,
                             const std::string& database, rocksdb::WALRecoveryMode mode);

// Writes up to mark.sequence were synced, only those up to `found` are there.
Error ends_too_early(std::uint64_t found, const SyncedMark::State& mark);

}  // namespace quern::storage
