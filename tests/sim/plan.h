// What a seed means: which features and faults are on, and the steps, each with numbers of its own
// to draw from, so that a step means the same when others are taken away.
#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "quern/storage/store.h"
#include "seeded_random.h"

namespace quern::sim {

class Dice final : public test::SeededRandom {
 public:
  using SeededRandom::SeededRandom;

  bool chance(std::uint64_t percent) { return below(100) < percent; }
  Duration up_to(std::int64_t ms) {
    return Duration{static_cast<std::int64_t>(below(static_cast<std::uint64_t>(ms) + 1))};
  }
};

// Each seed turns a random half of them on.
enum class Feature : std::uint8_t {
  // What clients do.
  batches,
  delays,
  expiry,
  keys,
  priorities,
  timeouts,
  large_values,
  parked_leases,
  waits,
  settings,
  pauses,
  purges,
  deletes,
  redrives,
  discards,
  cancels,
  questions,
  stale_tokens,
  repeats,
  silent_workers,
  // What the surroundings do.
  calls_lost,
  answers_lost,
  duplicates,
  delayed_calls,
  clock_jumps,
  kills,
  power_cuts,
  failing_commits,
  failing_reads,
  full_disk,
  missing_disk,
  drains,
  // Bounds so small that they show.
  small_bounds,
  few_queues,
  not_synced,  // durability `os`
};
inline constexpr std::size_t feature_count = 35;
using Features = std::bitset<feature_count>;
std::string_view to_string(Feature feature);

enum class StepKind : std::uint8_t {
  submit,
  submit_batch,
  lease,
  park_lease,
  settle,
  settle_many,
  settle_stale,
  repeat,
  cancel,
  redrive,
  wait,
  leave,
  put_queue,
  patch_queue,
  pause_queue,
  purge,
  remove_queue,
  redrive_dead,
  discard_dead,
  ask_queue,
  list_queues,
  read,
  advance,
  advance_to_deadline,
  jump_clock,
  drain,
  sync,
  kill,
  cut_power,
  fail_commit,
  fail_reads,
  fill_disk,
  take_disk_away,
};
std::string_view to_string(StepKind kind);

struct Step {
  StepKind kind;
  std::uint64_t salt;  // what it draws from
};

struct Plan {
  std::uint64_t seed = 0;
  Features features;
  storage::Durability durability = storage::Durability::fsync;
  engine::Engine::Options engine;
  std::size_t group_commands_max = 1;
  std::vector<Step> steps;

  bool has(Feature feature) const { return features[static_cast<std::size_t>(feature)]; }
};

Plan make_plan(std::uint64_t seed);

}  // namespace quern::sim
