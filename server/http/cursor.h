// Where a page of a list ended, as the opaque text that its client sends back.
//
// Shape    base64url (RFC 4648 section 5, no padding) of a letter for the kind of list and the
//          place in it. A cursor of one kind of list is refused by another.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/query.h"
#include "quern/protocol/task_id.h"

namespace quern::http {

std::string task_cursor(const TaskId& last);
std::string dead_cursor(const engine::DeadCursor& last);
std::string queue_cursor(std::string_view last_name);
std::string backup_cursor(std::uint32_t last_id);

// nullopt: none of ours.
std::optional<TaskId> task_cursor_from(std::string_view text);
std::optional<engine::DeadCursor> dead_cursor_from(std::string_view text);
std::optional<std::string> queue_cursor_from(std::string_view text);
std::optional<std::uint32_t> backup_cursor_from(std::string_view text);
// "17": 1 and more, written as we do.
std::optional<std::uint32_t> backup_id_from(std::string_view text);

}  // namespace quern::http
