// What the engine can be told to do: one struct for each call of the contract, decoded and
// range-checked.
//
// Shape    names, ranges and sizes were checked by whoever decoded the request; what depends on
// state is checked here.
//          `scope`: a task in another queue is to the caller as if it were not there.
//          JSON values (payload, result, progress, details) are the client's bytes, checked to be
//          JSON.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/queue_scope.h"
#include "quern/protocol/queue_settings.h"
#include "quern/protocol/task_id.h"
#include "quern/protocol/task_state.h"
#include "quern/storage/records.pb.h"

namespace quern::engine {

// Names a pending call; its reply carries it back. Unique within a process. 0: nobody waits.
using Ticket = std::uint64_t;

struct NewTask {
  std::string queue;
  // All the client said; the engine fills in created_at, run_at and expires_at from the three
  // below. `payload` is "null" when none was sent.
  std::shared_ptr<record::TaskBody> body;
  std::optional<Duration> delay;
  std::optional<Duration> ttl;
};

struct Submit {
  std::vector<NewTask> tasks;  // all or nothing
  bool batch = false;          // pointers of problems start with /tasks/N
};

enum class SettleVerb : std::uint8_t { complete, fail, heartbeat, release };

struct SettleItem {
  SettleVerb verb = SettleVerb::complete;
  std::string id_text;                  // as the client wrote it, echoed
  std::optional<TaskId> id;             // nullopt: no id at all, so no such task
  std::string token;                    // 16 bytes; empty when it could not have been one of ours
  std::string result = "null";          // complete
  std::string error_type = "error";     // fail; what one that does not say is called
  std::string error_message;            // fail
  std::string error_details;            // fail; empty: none
  bool retryable = true;                // fail
  std::optional<Duration> retry_after;  // fail
  std::optional<Duration> lease;        // heartbeat
  std::optional<std::string> progress;  // heartbeat
  Duration delay{0};                    // release
};

// One task's settle call: answered with the whole task, or the problem as an Error.
struct SettleOne {
  SettleItem item;
  Scope scope = {};
};

// Many: each stands alone.
struct Settle {
  std::vector<SettleItem> items;
  Scope scope = {};
};

struct Lease {
  std::vector<std::string> queues;
  std::uint32_t tasks_max = 1;  // 0: only settle
  Duration wait{0};
  std::optional<Duration> lease;
  std::string worker_id;
  std::vector<SettleItem> settle;  // done first
  Scope scope = {};                // of `settle`; `queues` were checked against it
};

// The caller of `ticket` is gone: forget its parked lease or wait. Not answered.
struct Abandon {
  Ticket ticket = 0;
};

// A lease's answer never reached its worker: back to ready, no attempt counted. Not answered.
struct Undelivered {
  struct Held {
    TaskId id;
    std::string token;
  };
  std::vector<Held> leases;
};

// Answered (Done) when the task is terminal, unknown, or the wait is over; the caller then reads
// it.
struct WaitTask {
  TaskId id;
  Duration wait{0};
  Scope scope = {};
};

struct CancelTask {
  TaskId id;
  Scope scope = {};
};
struct RedriveTask {
  TaskId id;
  Scope scope = {};
};

struct PutQueue {
  std::string name;
  QueueSettings settings;
};
// RFC 7396 over the settings at that moment. `merge_patch` is the request body, already known to be
// JSON.
struct PatchQueue {
  std::string name;
  std::string merge_patch;
};
struct PauseQueue {
  std::string name;
  bool paused = true;
};
struct DeleteQueue {
  std::string name;
  bool force = false;
};
struct GetQueue {
  std::string name;
};
struct ListQueues {
  std::string after;  // names greater than this
  std::size_t limit = 100;
  Scope scope = {};
};

struct PurgeQueue {
  std::string name;
  std::vector<TaskState> states;  // not running
};

// Which of a queue's dead: the named, or all that match.
struct DeadFilter {
  std::optional<std::vector<TaskId>> ids;  // nullopt: all
  std::optional<std::string> type;
  std::optional<DeadReason> dead_reason;
  std::optional<std::string> error_type;
  std::optional<Timestamp> before;  // of death
  std::optional<std::uint64_t> limit;
};
struct RedriveDead {
  std::string name;
  DeadFilter filter;
  std::optional<std::string> to_queue;
  std::optional<double> rate_per_second;
};
struct DiscardDead {
  std::string name;
  DeadFilter filter;
};

// From now on: no new tasks, no new leases; parked leases are answered at once. Settling goes on.
// Answered (Drained) when no task is running any more, or the wait is over.
struct Drain {
  Duration wait{0};
  bool stopping = false;  // the process is about to end: nobody stays parked
};

// Takes a Drain back that was not for stopping.
struct EndDrain {};

// Backups are made beside the engine, by who stands before it (server/backup_keeper.h). Where
// nobody does, the engine refuses them.
struct BackupCall {
  enum class Verb : std::uint8_t { create, list, verify };
  Verb verb = Verb::list;
  std::uint32_t id = 0;     // verify: this one; list: those older than this, 0: all
  std::size_t limit = 100;  // list
};

// With a reason: no new tasks until it is said again without one. All else goes on. Not answered.
struct ReadOnly {
  std::string reason;
};

using Command =
    std::variant<Submit, SettleOne, Settle, Lease, Abandon, Undelivered, WaitTask, CancelTask,
                 RedriveTask, PutQueue, PatchQueue, PauseQueue, DeleteQueue, GetQueue, ListQueues,
                 PurgeQueue, RedriveDead, DiscardDead, Drain, EndDrain, BackupCall, ReadOnly>;

}  // namespace quern::engine
