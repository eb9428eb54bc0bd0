// Waits on purpose: for a task to finish (`wait`, `submit --wait`), and for a server that takes one
// (`submit --patience`).
#pragma once

#include <optional>
#include <string>

#include "patience.h"
#include "session.h"

namespace quern::cli {

struct Waiting {
  std::optional<Duration> timeout;  // nullopt: for ever
  Duration patience;                // with a server that is away
};

// Rides through a restart of the server. All calls share the one timeout, which begins here.
//
// Errors   ApiError; UsageError for an address that is none.
class Waiter {
 public:
  Waiter(Session& session, const Waiting& waiting);

  // Submits one task, however often it has to be asked for: without an idempotency key it is given
  // one.
  Task submit(NewTask task);
  // The task when it is finished, or as it stands when the time is over.
  Task wait_for(const std::string& id);

 private:
  template <typename Call>
  auto first_ask(const Call& call);

  Session& session_;
  Client client_;
  const Patience::Clock::time_point until_;
  Patience patience_;
};

// Shows the task that wait_for() gave, says so when it is not finished, and what that means.
ExitCode show_waited(Session& session, const Task& task, const Waiting& waiting);

}  // namespace quern::cli
