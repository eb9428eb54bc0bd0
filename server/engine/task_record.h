// A task's records, read from any Reader, with what they leave out filled in.
//
// Threads  any.
// Errors   those of the reader; store_corrupt when stored bytes are not a record.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/task_view.h"
#include "quern/protocol/queue_settings.h"
#include "quern/protocol/result.h"
#include "quern/protocol/task_id.h"
#include "quern/protocol/task_state.h"
#include "quern/storage/records.pb.h"
#include "quern/storage/store.h"

namespace quern::engine {

Result<std::shared_ptr<record::TaskBody>> load_body(const storage::Reader& reader,
                                                    const TaskId& id);  // null: none
// The running record where there is one, else the settled one; nullopt: the task is as submitted.
Result<std::optional<record::TaskStatus>> load_status(const storage::Reader& reader,
                                                      const TaskId& id);
// The settled record alone: enough for who knows that the task is not running.
Result<std::optional<record::TaskStatus>> load_settled_status(const storage::Reader& reader,
                                                              const TaskId& id);

// What a task without a status record is: ready in its lane since its id was made, or scheduled.
record::TaskStatus status_as_submitted(const TaskId& id, const record::TaskBody& body);

inline TaskState state_of(const record::TaskStatus& status) {
  return static_cast<TaskState>(status.state());
}

// The last ten failures, oldest first.
Result<std::vector<record::FailureRecord>> load_failures(const storage::Reader& reader,
                                                         const TaskId& id,
                                                         const record::TaskStatus& status);
// Fills in payload, result and progress where they live apart.
Result<void> load_apart(const storage::Reader& reader, TaskView& view);

QueueSettings settings_from(const record::QueueSettings& record);
record::QueueSettings record_from(const QueueSettings& settings);

}  // namespace quern::engine
