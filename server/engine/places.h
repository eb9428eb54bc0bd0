// Every index entry of a task is a function of its record: this is the function.
//
// A transition compares the places of the record before and after and changes what differs, so that
// no transition can forget an index. A check of the whole store does the same in the other
// direction.
#pragma once

#include <optional>

#include "engine/lane.h"
#include "quern/protocol/task_id.h"
#include "quern/storage/keys.h"
#include "quern/storage/records.pb.h"

namespace quern::engine {

struct FinishedPlace {
  storage::keys::FinishedClass finished_class = storage::keys::FinishedClass::done;
  Timestamp at;
  bool operator==(const FinishedPlace&) const = default;
};

struct Places {
  storage::keys::QueueNumber queue = 0;
  std::uint32_t priority = 0;
  bool fresh = false;                          // ready in its lane as submitted: needs no entry
  std::optional<Timestamp> ready_at = {};      // ready table
  std::optional<Timestamp> start_at = {};      // timer: becomes ready
  std::optional<Timestamp> expire_at = {};     // timer: dies unless it was started
  std::optional<Timestamp> forget_at = {};     // timer: removed
  std::optional<FinishedPlace> finished = {};  // finished table
  bool running = false;                        // running table, lease deadline
  bool moved = false;                          // moved table
};

// `as_submitted`: the task has no status record of its own.
Places places_of(const TaskId& id, const record::TaskBody& body, const record::TaskStatus& status,
                 bool as_submitted);

}  // namespace quern::engine
