// Checks a store against every invariant that can be read off it, both ways: each record has its
// index entries, each entry its record, and the counters say what a scan finds. What is derived
// (indexes, counters, cursors) is rebuilt from the records on request.
//
// Shape    memory follows the number of queues, not of tasks: records are walked in order, and what
//          belongs to them is looked up.
// Threads  none of its own. audit() may run beside the engine, on a snapshot.
// Errors   the store's. A record that is not one is a finding, not an error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "quern/protocol/result.h"
#include "quern/storage/store.h"

namespace quern::engine {

struct Finding {
  std::string text;       // what is wrong, in a sentence for people
  bool mendable = false;  // repair() can put it right
};

struct AuditReport {
  std::uint64_t queue_count = 0;
  std::uint64_t task_count = 0;
  std::uint64_t entry_count = 0;  // of indexes
  std::uint64_t finding_count = 0;
  std::uint64_t mendable_count = 0;
  std::vector<Finding> findings;  // the first ones

  bool sound() const { return finding_count == 0; }
};

inline constexpr std::size_t findings_kept_default = 100;

// `store`: a snapshot, if anybody commits meanwhile.
Result<AuditReport> audit(const storage::Reader& store,
                          std::size_t findings_max = findings_kept_default);

// Writes what mends the mendable findings, in batches of a bounded size, and says what it found.
// Nobody else may use the store. Each batch leaves it no worse than before: repair can be repeated.
Result<AuditReport> repair(storage::Store& store, std::size_t findings_max = findings_kept_default);

}  // namespace quern::engine
