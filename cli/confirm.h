// Asks before something that changes many tasks for good, and says how many it changed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "session.h"

namespace quern::cli {

// "1 task", "3 tasks", "1,234,567 tasks".
std::string tasks_text(std::uint64_t count);

// Whether a person is there to be asked.
bool can_ask();

// Shows `what` ("discards 12 dead tasks of queue emails for good") and asks on the terminal; true
// for yes. Without a terminal to ask on it throws UsageError, which names --yes.
bool confirm(const std::string& what);

// Instead of a question about no task at all: says that there is nothing to do.
ExitCode nothing_to_do(const Session& session, std::string_view verb);

// {"purged":3}, or "Purged 3 tasks": `verb` is the name that the HTTP API has for it.
void print_count(const Session& session, std::string_view verb, std::uint64_t count);

}  // namespace quern::cli
