// Whether a record that parsed also makes sense by itself: what the engine indexes or computes with
// is within its range. What is stored was written by us and has passed a checksum, so one that is
// not sound means a damaged store, and nobody goes on with it.
//
// Shape    comparisons of numbers only: it is on the way of every task that is read.
#pragma once

#include "quern/storage/records.pb.h"

namespace quern::engine {

bool is_sound(const record::TaskBody& body);
bool is_sound(const record::TaskStatus& status);
bool is_sound(const record::FailureRecord& failure);
bool is_sound(const record::QueueRecord& queue);
bool is_sound(const record::QueueCounters& counters);
bool is_sound(const record::Commit& commit);

}  // namespace quern::engine
