// Who may still queue when much is queued already.
#pragma once

#include <cstddef>
#include <variant>

#include "engine/command.h"

namespace quern::server {

// How many commands may wait for the engine before `command` is refused. New tasks leave the last
// quarter to everybody else: settling ends work, and a worker that cannot settle does it again.
inline std::size_t room_for(const engine::Command& command, std::size_t commands_max) {
  return std::holds_alternative<engine::Submit>(command) ? commands_max - commands_max / 4
                                                         : commands_max;
}

}  // namespace quern::server
