// What a store needs that was brought back from a backup, before an engine recovers from it.
//
// Errors   the store's.
#pragma once

#include "quern/protocol/result.h"
#include "quern/protocol/timestamp.h"
#include "quern/storage/store.h"

namespace quern::engine {

// Tasks that were submitted after the backup are gone, and their ids must never name others. Ids
// begin with the time: those that are given out from here on are later than `now`, hence later than
// all that were given out by a server whose clock did not run ahead of this one. (Lease tokens are
// 128 random bits, so one of the lost time fits nothing.)
Result<void> begin_ids_after(storage::Store& store, Timestamp now);

}  // namespace quern::engine
