#include "plan.h"

#include <array>
#include <optional>

namespace quern::sim {
namespace {

constexpr std::array<std::string_view, feature_count> feature_names = {
    "batches",      "delays",       "expiry",          "keys",          "priorities",
    "timeouts",     "large_values", "parked_leases",   "waits",         "settings",
    "pauses",       "purges",       "deletes",         "redrives",      "discards",
    "cancels",      "questions",    "stale_tokens",    "repeats",       "silent_workers",
    "calls_lost",   "answers_lost", "duplicates",      "delayed_calls", "clock_jumps",
    "kills",        "power_cuts",   "failing_commits", "failing_reads", "full_disk",
    "missing_disk", "drains",       "small_bounds",    "few_queues",    "not_synced"};

struct Kind {
  StepKind kind;
  std::string_view name;
  std::uint64_t weight;  // how often, among those that are on
  std::optional<Feature> needs = {};
};

constexpr std::array kinds = {
    Kind{StepKind::submit, "submit", 24},
    Kind{StepKind::submit_batch, "submit_batch", 6, Feature::batches},
    Kind{StepKind::lease, "lease", 24},
    Kind{StepKind::park_lease, "park_lease", 6, Feature::parked_leases},
    Kind{StepKind::settle, "settle", 26},
    Kind{StepKind::settle_many, "settle_many", 4, Feature::batches},
    Kind{StepKind::settle_stale, "settle_stale", 6, Feature::stale_tokens},
    Kind{StepKind::repeat, "repeat", 10, Feature::repeats},
    Kind{StepKind::cancel, "cancel", 6, Feature::cancels},
    Kind{StepKind::redrive, "redrive", 5, Feature::redrives},
    Kind{StepKind::wait, "wait", 3, Feature::waits},
    Kind{StepKind::leave, "leave", 3, Feature::parked_leases},
    Kind{StepKind::put_queue, "put_queue", 4, Feature::settings},
    Kind{StepKind::patch_queue, "patch_queue", 3, Feature::settings},
    Kind{StepKind::pause_queue, "pause_queue", 4, Feature::pauses},
    Kind{StepKind::purge, "purge", 3, Feature::purges},
    Kind{StepKind::remove_queue, "remove_queue", 2, Feature::deletes},
    Kind{StepKind::redrive_dead, "redrive_dead", 4, Feature::redrives},
    Kind{StepKind::discard_dead, "discard_dead", 3, Feature::discards},
    Kind{StepKind::ask_queue, "ask_queue", 3, Feature::questions},
    Kind{StepKind::list_queues, "list_queues", 2, Feature::questions},
    Kind{StepKind::read, "read", 4, Feature::questions},
    Kind{StepKind::advance, "advance", 14},
    Kind{StepKind::advance_to_deadline, "advance_to_deadline", 12},
    Kind{StepKind::jump_clock, "jump_clock", 3, Feature::clock_jumps},
    Kind{StepKind::drain, "drain", 1, Feature::drains},
    Kind{StepKind::sync, "sync", 3, Feature::not_synced},
    Kind{StepKind::kill, "kill", 4, Feature::kills},
    Kind{StepKind::cut_power, "cut_power", 4, Feature::power_cuts},
    Kind{StepKind::fail_commit, "fail_commit", 4, Feature::failing_commits},
    Kind{StepKind::fail_reads, "fail_reads", 2, Feature::failing_reads},
    Kind{StepKind::fill_disk, "fill_disk", 2, Feature::full_disk},
    Kind{StepKind::take_disk_away, "take_disk_away", 2, Feature::missing_disk},
};

Features half_of_them(Dice& dice) {
  Features features;
  for (std::size_t i = 0; i < feature_count; ++i) features[i] = dice.chance(50);
  return features;
}

}  // namespace

std::string_view to_string(Feature feature) {
  return feature_names[static_cast<std::size_t>(feature)];
}

std::string_view to_string(StepKind kind) { return kinds[static_cast<std::size_t>(kind)].name; }

Plan make_plan(std::uint64_t seed) {
  Dice dice(seed);
  Plan plan{.seed = seed, .features = half_of_them(dice)};
  if (plan.has(Feature::not_synced)) plan.durability = storage::Durability::os;
  if (plan.has(Feature::few_queues)) plan.engine.queues_max = 2;
  if (plan.has(Feature::small_bounds)) {
    plan.engine.window_entries = 1 + dice.below(5);
    plan.engine.tick_tasks_max = 2 + dice.below(7);
    plan.engine.job_tasks_max = 2 + dice.below(7);
    if (dice.chance(30)) plan.engine.lease_bytes_max = 1 + dice.below(500);
  }
  // One by one where it is not told when in a group something was done.
  plan.group_commands_max = plan.has(Feature::small_bounds) ? 1 : 1 + dice.below(6);

  std::uint64_t weight_all = 0;
  for (const Kind& kind : kinds) {
    if (!kind.needs || plan.has(*kind.needs)) weight_all += kind.weight;
  }
  const std::uint64_t step_count = 60 + dice.below(180);
  for (std::uint64_t i = 0; i < step_count; ++i) {
    std::uint64_t at = dice.below(weight_all);
    for (const Kind& kind : kinds) {
      if (kind.needs && !plan.has(*kind.needs)) continue;
      if (at < kind.weight) {
        plan.steps.push_back({kind.kind, dice.next()});
        break;
      }
      at -= kind.weight;
    }
  }
  return plan;
}

}  // namespace quern::sim
