// One call for each of several tasks.
#pragma once

#include <iostream>
#include <string>
#include <vector>

#include "advice.h"
#include "session.h"

namespace quern::cli {

// `act(id)` for each: a task that is gone or in another state must not keep the others from it. All
// that is refused is said; the exit status is the first one's. Without a server the rest is in
// vain.
template <typename Act>
ExitCode for_each_id(Session& session, const std::vector<std::string>& ids, const Act& act) {
  ExitCode code = exit_ok;
  for (const std::string& id : ids) {
    try {
      act(id);
    } catch (const ApiError& error) {
      const ExitCode this_one = exit_code_for(error.code());
      if (this_one == exit_unreachable) throw;
      std::cout.flush();  // so that both are in order on a terminal
      print_error(session, error);
      if (code == exit_ok) code = this_one;
    }
  }
  return code;
}

}  // namespace quern::cli
