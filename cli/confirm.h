// Asks before something that can't be undone.
#pragma once

#include <cstdint>
#include <string>

namespace quern::cli {

// "1 task", "3 tasks", "1,234,567 tasks".
std::string tasks_text(std::uint64_t count);

// Shows `what` ("discards 12 dead tasks of queue emails for good") and asks on the terminal; true
// for yes. Without a terminal to ask on it throws UsageError, which names --yes.
bool confirm(const std::string& what);

}  // namespace quern::cli
