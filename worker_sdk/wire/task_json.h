// Tasks to and from the JSON of the HTTP API.
//
// Errors   invalid_argument, with the field's pointer, for text that should be JSON and is not:
//          it is put into the body as it is, so it must not be able to end its field.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "quern/protocol/json_reader.h"
#include "quern/protocol/json_writer.h"
#include "quern/task.h"

namespace quern::sdk {

// As deep as any server's setting allows: payloads are passed on unseen, and one deep payload must
// not make the answer with all the others unreadable.
inline constexpr std::size_t answer_depth_max = JsonReader::depth_limit;

Result<void> write_new_task(JsonWriter& json, const NewTask& task);

// False when the next value is not a task: one without id, queue or type, or in a state that is
// not known here, is none. Other fields that are missing or odd are left as they are.
bool read_task(JsonReader& json, Task& task);
bool read_tasks(JsonReader& json, std::vector<Task>& tasks);
bool read_task_state(JsonReader& json, std::optional<TaskState>& state);  // nullopt: unknown
bool read_timestamp(JsonReader& json, std::optional<Timestamp>& out);

// Whether `text` is one JSON value, nested at most `depth_max` deep; the error names `pointer`.
Result<void> check_json(std::string_view pointer, std::string_view text, std::size_t depth_max);

}  // namespace quern::sdk
