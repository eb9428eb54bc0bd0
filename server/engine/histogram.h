// How often values fell into which range, and their sum.
//
// Shape    `upper_bounds` ascend; counts[i] holds the values above upper_bounds[i - 1] and not
// above
//          upper_bounds[i], the last count those above all bounds. Times are in microseconds.
// Threads  those of Count: a plain number belongs to one thread, a Cell (cell.h) is read by any.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>

namespace quern::engine {

template <const auto& upper_bounds, typename Count = std::uint64_t>
struct Histogram {
  static constexpr const auto& bounds = upper_bounds;
  static constexpr std::size_t bound_count = std::size(upper_bounds);

  std::array<Count, bound_count + 1> counts{};
  Count sum{};

  void add(std::uint64_t value) {
    const auto bound = std::lower_bound(std::begin(upper_bounds), std::end(upper_bounds), value);
    counts[static_cast<std::size_t>(bound - std::begin(upper_bounds))] += 1;
    sum += value;
  }
};

}  // namespace quern::engine
