// How many dead tasks a command is about, for the question before it.
#pragma once

#include <string>

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
// `filter`, without what has died since.
DeadFilter of_the_counted(DeadFilter filter, const DeadCount& count);

}  // namespace quern::cli
