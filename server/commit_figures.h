// What the engine's thread counts of its commits, for the metrics.
//
// Threads  counted by the engine's thread, read by any.
#pragma once

#include <array>
#include <cstdint>

#include "engine/cell.h"
#include "engine/histogram.h"

namespace quern::server {

// Up to group_commands_max.
inline constexpr std::array<std::uint64_t, 13> group_size_bounds = {
    1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1'024, 2'048, 4'096};
// From a write that nobody syncs to a disk that hangs, in microseconds.
inline constexpr std::array<std::uint64_t, 14> commit_time_bounds = {
    50,     100,    250,     500,     1'000,   2'500,     5'000,
    10'000, 25'000, 100'000, 250'000, 500'000, 1'000'000, 5'000'000};

struct CommitFigures {
  engine::Histogram<group_size_bounds, engine::Cell> commands;  // that share one commit
  engine::Histogram<commit_time_bounds, engine::Cell> commit;   // the whole write
  engine::Histogram<commit_time_bounds, engine::Cell> fsync;  // the part of it that was the disk's
  engine::Cell failures;  // commits or reads after which the store was opened anew
};

}  // namespace quern::server
