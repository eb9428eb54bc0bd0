// Randomness from OpenSSL's generator: nobody guesses a lease token.
//
// Threads  one at a time.
// Errors   none: a machine without entropy ends the process rather than hand out weak tokens.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/random_source.h"

namespace quern::server {

class SystemRandom final : public engine::Random {
 public:
  std::uint64_t next() override;

 private:
  // Asked for in bulk, since each call costs about a microsecond.
  std::array<std::uint64_t, 512> pool_{};
  std::size_t used_ = pool_.size();
};

}  // namespace quern::server
