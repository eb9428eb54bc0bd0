// How many dead tasks a command is about: for the question before it, and for what is said after.
#pragma once

#include <string>
#include <string_view>

#include "commands/dead_filter.h"
#include "session.h"

namespace quern::cli {

struct DeadCount {
  std::uint64_t tasks = 0;
  // Newer than the death of all that were there: what dies later was not counted.
  Timestamp counted_before{0};
};

DeadCount count_dead(Session& session, const std::string& queue, DeadFlags& flags,
                     const DeadFilter& filter);
// Says how many it was about. When ids were named and fewer tasks were `verb`, that is an error:
// they are not there, or not dead.
ExitCode show_acted(const Session& session, std::string_view verb, std::uint64_t count,
                    const DeadFilter& filter, const std::string& queue);
// `filter`, without what has died since.
DeadFilter of_the_counted(DeadFilter filter, const DeadCount& count);

}  // namespace quern::cli
