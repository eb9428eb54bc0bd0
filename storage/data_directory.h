// The data directory itself: made when absent, refused when it is somebody else's.
#pragma once

#include <filesystem>

#include "quern/protocol/result.h"

namespace quern::storage {

inline constexpr const char* database_folder = "db";
inline constexpr const char* unfinished_folder = "db.new";
inline constexpr const char* restoring_folder = "restoring";  // a restore that is under way

// Makes `path` (0700) or checks that it is empty or ours, and writes nothing to it then.
//   store_corrupt      it is not a directory, or holds something else than a store
//   store_unavailable  it cannot be made or read
Result<void> prepare_directory(const std::filesystem::path& path);

// The same for one that a backup is to be restored into: it must be empty, but for what a restore
// that was cut short has left.
Result<void> prepare_for_restore(const std::filesystem::path& path);

// Makes `path` (0700), and what is above it. Durable.
Result<void> make_directory(const std::filesystem::path& path);

}  // namespace quern::storage
