// A number that one thread counts up and any thread may read.
//
// Since nobody else writes it, counting needs no locked instruction: it costs what a plain number
// costs.
//
// Threads  operator+=: one. Reading: any.
#pragma once

#include <atomic>
#include <cstdint>

namespace quern::engine {

class Cell {
 public:
  void operator+=(std::uint64_t by) {
    value_.store(value_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  operator std::uint64_t() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace quern::engine
