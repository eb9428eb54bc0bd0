#include "work/descriptor_limit.h"

#include <string>

#include "usage_error.h"
#include "work/process.h"

namespace quern::cli {
namespace {

// For standard files, calls to the server, and what the start of one program takes for a moment.
constexpr rlim_t others = 48;

}  // namespace

rlim_t raise_descriptor_limit(std::uint32_t concurrency) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlim_t needed = others + rlim_t{concurrency} * process_descriptors;
  if (limit.rlim_max < needed) {
    const rlim_t fit =
        limit.rlim_max > others ? (limit.rlim_max - others) / process_descriptors : 0;
    throw UsageError("work: --concurrency " + std::to_string(concurrency) + " needs " +
                     std::to_string(needed) + " file descriptors, and this process may have " +
                     std::to_string(limit.rlim_max) + " (ulimit -Hn): enough for " +
                     std::to_string(fit));
  }
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  // Refused where hard limits are only on paper: what is there will then have to do.
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return before;
}

}  // namespace quern::cli
