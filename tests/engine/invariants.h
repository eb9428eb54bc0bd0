// The invariants that can be read off a store: counts equal a full scan, every index entry belongs
// to a record, every record has its entries, and no cursor is past anything alive.
#pragma once

#include <string>

#include "quern/storage/store.h"

namespace quern::engine::testing {

// What is wrong, one a line; "" when nothing is.
std::string violations(const storage::Reader& reader);

}  // namespace quern::engine::testing
