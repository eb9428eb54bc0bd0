// The engine's answers as JSON: the task object, the queue object and what is built of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/outcome.h"
#include "quern/protocol/json_writer.h"

namespace quern::http {

// encode_task.cpp
enum class TaskShape : std::uint8_t {
  summary,  // in lists and answers to a submit: neither payload nor result
  whole,    // what GET /tasks/{id} answers
  leased,   // for its worker: with payload and the lease's token
};
void write_task(JsonWriter& json, const engine::TaskView& task, TaskShape shape);

// One item of a settle list's answer: {"id", "state", …} or {"id", "problem"}.
void write_settled(JsonWriter& json, const engine::Settled& settled);

// encode_audit.cpp: the fields of a report, into an object that was begun
void write_audit(JsonWriter& json, const engine::AuditReport& report);

// encode_queue.cpp
void write_queue(JsonWriter& json, const engine::QueueView& queue);

// encode_backup.cpp
void write_backup(JsonWriter& json, const storage::Backup& backup);
// {"id", "sound", "findings"}
void write_backup_check(JsonWriter& json, std::uint32_t id,
                        const std::vector<std::string>& findings);

}  // namespace quern::http
