// What the engine answers, and what others answer in its stead. A reply of the engine's goes out
// only once the batch it came with is durable.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "engine/audit.h"
#include "engine/command.h"
#include "engine/task_view.h"
#include "quern/protocol/result.h"
#include "quern/storage/backup.h"

namespace quern::engine {

struct Submitted {
  std::vector<TaskView> tasks;  // in order; without failures
  bool replayed = false;        // a single submit whose key named a task that was there already
};

// One item of a settle list.
struct Settled {
  SettleVerb verb = SettleVerb::complete;
  std::string id_text;
  std::variant<TaskView, Error> outcome;  // the view has no failures and nothing that lives apart
};

struct SettledMany {
  std::vector<Settled> items;
};

struct Leased {
  std::vector<TaskView> tasks;  // with payload, failures and the lease's token
  std::vector<Settled> settled;
};

// A whole task, payload and result included.
struct OneTask {
  TaskView task;
};

// The answer to a heartbeat.
struct LeaseExtended {
  Timestamp expires_at;
};

struct OneQueue {
  QueueView queue;
};
struct QueuePage {
  std::vector<QueueView> queues;
  bool more = false;  // the last one's name is the cursor
};
struct Counted {
  std::uint64_t count = 0;  // purged, redriven, discarded
};
struct Done {};

// How far a drain has come.
struct Drained {
  std::uint64_t running = 0;  // tasks that are held by a lease
};

// What a BackupCall led to: the new backup, all there are (the newest first), or the one that was
// looked at.
struct BackupAnswer {
  std::vector<storage::Backup> backups;
  bool more = false;                  // of a list: the last one's id is the cursor
  std::vector<std::string> findings;  // of a check: what is wrong, in sentences; empty: nothing
};

using Outcome = std::variant<Error, Submitted, SettledMany, Leased, OneTask, LeaseExtended,
                             OneQueue, QueuePage, Counted, Done, Drained, BackupAnswer,
                             AuditReport>;

struct Reply {
  Ticket ticket = 0;
  Outcome outcome;
};

}  // namespace quern::engine
