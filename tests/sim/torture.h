// Many seeds on all cores, until there have been enough or one fails.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "edges.h"

namespace quern::sim {

struct Extent {
  std::uint64_t first_seed = 1;
  std::optional<std::uint64_t> seeds;            // nullopt: until the time is over
  std::optional<std::chrono::seconds> duration;  // nullopt: until the seeds are done
  unsigned threads = 1;
};

struct Total {
  std::uint64_t seeds = 0;
  std::uint64_t steps = 0;
  std::uint64_t calls = 0;
  std::chrono::milliseconds simulated{0};
  Edges edges;
  std::optional<std::uint64_t> failed_seed;  // the smallest of those that failed
};

// `progress` is told now and then how far it is.
Total torture(const Extent& extent, const std::function<void(const Total&)>& progress);

// How a seed fails: its shrunk history in words, and how to run it again. "" when it does not fail.
std::string report_of(std::uint64_t seed);

}  // namespace quern::sim
