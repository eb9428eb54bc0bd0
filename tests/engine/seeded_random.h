// The randomness of tests: the same for the same seed, on every machine.
//
// Source  splitmix64 (Steele, Lea, Flood 2014): small, and good enough to play with.
#pragma once

#include <cstdint>

#include "engine/random_source.h"

namespace quern::test {

class SeededRandom : public engine::Random {
 public:
  explicit SeededRandom(std::uint64_t seed = 1) : state_(seed) {}

  std::uint64_t next() override {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }

 private:
  std::uint64_t state_;
};

}  // namespace quern::test
