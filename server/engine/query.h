// Questions answered straight from the store, without the engine: whatever was answered before is
// in it.
//
// Threads  any; pass a snapshot, so that a task is seen at one instant.
// Errors   store_unavailable, store_corrupt; queue_not_found where said.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/queue_scope.h"
#include "engine/task_view.h"
#include "quern/protocol/result.h"
#include "quern/storage/store.h"

namespace quern::engine {

// nullopt: no such task. With payload, result and failures.
Result<std::optional<TaskView>> read_task(const storage::Reader& reader, const TaskId& id);

struct TaskQuery {
  std::optional<std::string> queue;  // this or correlation_id is set
  std::optional<std::string> correlation_id;
  std::optional<TaskState> state;
  std::optional<std::string> type;
  std::optional<TaskId> after;  // the page before ended here
  std::size_t limit = 100;
  Scope scope = {};  // tasks in other queues are left out
};

struct TaskPage {
  std::vector<TaskView>
      tasks;  // without payloads and results, oldest submitted first; may be short of the limit
  std::optional<TaskId> next;  // go on after this id; nullopt: that was all
};

// An unknown queue has no tasks. Examines a bounded number of tasks a call, so that a page may be
// short, even empty, although `next` says there is more.
Result<TaskPage> list_tasks(const storage::Reader& reader, const TaskQuery& query);

struct DeadCursor {
  Timestamp died_at;
  TaskId id;
};
struct DeadPage {
  std::vector<TaskView> tasks;  // without payloads and results, the last to die first
  std::optional<DeadCursor> next;
};

// queue_not_found: there is no such queue.
Result<DeadPage> list_dead(const storage::Reader& reader, std::string_view queue,
                           std::optional<DeadCursor> before, std::size_t limit);

}  // namespace quern::engine
