// Randomness, as the engine is given it: ids, lease tokens, jitter.
#pragma once

#include <cstdint>
#include <string>

namespace quern::engine {

class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next() = 0;  // 64 uniform bits; unguessable in a server

  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }  // [0, 1)
};

}  // namespace quern::engine
