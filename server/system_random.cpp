#include "system_random.h"

#include <openssl/rand.h>

#include <cstdlib>
#include <utility>

#include "log.h"

namespace quern::server {

std::uint64_t SystemRandom::next() {
  if (used_ == pool_.size()) {
    auto* bytes = reinterpret_cast<unsigned char*>(pool_.data());
    if (RAND_bytes(bytes, static_cast<int>(sizeof pool_)) != 1) {
      log::error("the system has no random numbers");
      std::abort();
    }
    used_ = 0;
  }
  // What was given out is not kept.
  return std::exchange(pool_[used_++], 0);
}

}  // namespace quern::server
