// File descriptors enough for many programs at once.
#pragma once

#include <sys/resource.h>

#include <cstdint>

namespace quern::cli {

// Raises this process's soft limit of file descriptors to its hard one; the limit from before,
// which is for the programs: some use select(), which fails beyond 1024. UsageError when the hard
// limit is too low for `concurrency` programs at once.
rlim_t raise_descriptor_limit(std::uint32_t concurrency);

}  // namespace quern::cli
