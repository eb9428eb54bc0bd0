// Commands and answers in words, one line each: the history of a run for people.
#pragma once

#include <string>

#include "engine/command.h"
#include "engine/outcome.h"

namespace quern::sim {

std::string describe(const engine::Command& command);
std::string describe(const engine::Outcome& outcome);

}  // namespace quern::sim
