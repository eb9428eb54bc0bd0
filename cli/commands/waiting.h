// Waits for a task to finish: `wait`, and `submit --wait`.
#pragma once

#include <optional>
#include <string>

#include "session.h"

namespace quern::cli {

struct Waiting {
  std::optional<Duration> timeout;  // nullopt: for ever
  Duration patience;                // with a server that is away
};

// The task when it is finished, or as it stands when the time is over. Rides through a restart of
// the server. Throws ApiError.
Task wait_for(Session& session, const std::string& id, const Waiting& waiting);

// Shows the task that wait_for() gave, says so when it is not finished, and what that means.
ExitCode show_waited(Session& session, const Task& task, const Waiting& waiting);

}  // namespace quern::cli
