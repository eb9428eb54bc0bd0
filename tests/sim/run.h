// One seed from its first step to the end: everything that was submitted is over, and the store
// says what the model says.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "edges.h"
#include "plan.h"

namespace quern::sim {

struct Run {
  std::optional<std::string> violation;
  std::uint64_t steps = 0;  // that were done
  std::uint64_t calls = 0;
  std::chrono::milliseconds simulated{0};
  std::uint64_t hash = 0;  // of all that was committed and answered: equal seeds have equal ones
  Edges edges;
};

// Tells it line by line when there is a `history`.
Run run(const Plan& plan, std::vector<std::string>* history = nullptr);

}  // namespace quern::sim
