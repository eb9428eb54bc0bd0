// Makes a failing plan short: takes away steps, then features, as long as it fails in the same way
// (delta debugging).
//
// Source  A. Zeller, R. Hildebrandt: Simplifying and Isolating Failure-Inducing Input, 2002.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "plan.h"

namespace quern::sim {

// Says how a plan fails; "" when it does not.
using Fails = std::function<std::string(const Plan&)>;

// Runs at most `runs_max` plans. Precondition: `plan` fails.
Plan shrink(const Plan& plan, const Fails& fails, std::size_t runs_max);

// A violation without what differs from run to run: numbers and ids.
std::string kind_of(const std::string& violation);

}  // namespace quern::sim
