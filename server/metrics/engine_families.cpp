// The engine as a whole, and whether the server takes work.
#include <array>
#include <utility>

#include "metrics/families.h"
#include "metrics/family.h"

namespace quern::server {
namespace {

constexpr std::array<std::pair<Readiness, const char*>, 4> states = {{
    {Readiness::ready, "ready"},
    {Readiness::recovering, "recovering"},
    {Readiness::draining, "draining"},
    {Readiness::read_only, "read_only"},
}};

constexpr std::array<const char*, engine::refused_settle_count> settle_refusals = {
    "lease_lost", "task_finished", "task_not_found"};

Family state_now(const EnginePort& engine) {
  Family family = gauge("quern_server_state", "1 for what GET /readyz says, 0 for the others.");
  const Readiness now = engine.health().readiness;
  for (const auto& [state, name] : states) family.add({{"state", name}}, state == now ? 1 : 0);
  return family;
}

Family parked_calls(const engine::EngineFigures& figures) {
  Family family = gauge("quern_parked_calls",
                        "Long-polls that wait: for a ready task (lease), for a task's end (task).");
  family.add({{"kind", "lease"}}, static_cast<double>(figures.parked_leases));
  family.add({{"kind", "task"}}, static_cast<double>(figures.parked_reads));
  return family;
}

Family settles_refused(const engine::EngineFigures& figures) {
  Family family = counter("quern_settles_refused_total",
                          "Settle calls and items that changed nothing, by reason.");
  for (std::size_t i = 0; i < settle_refusals.size(); ++i) {
    family.add({{"reason", settle_refusals[i]}}, static_cast<double>(figures.settles_refused[i]));
  }
  return family;
}

}  // namespace

void add_engine_families(const MetricsSources& sources, Families& families) {
  const engine::EngineFigures figures = sources.board.engine();
  families.push_back(state_now(sources.engine).take());
  families.push_back(
      single(gauge("quern_queues", "Queues that there are."), static_cast<double>(figures.queues)));
  families.push_back(parked_calls(figures).take());
  families.push_back(
      single(gauge("quern_jobs", "Purges, redrives, discards and removals under way."),
             static_cast<double>(figures.jobs)));
  families.push_back(settles_refused(figures).take());
  families.push_back(single(
      gauge("quern_engine_commands_waiting", "Requests that wait for the engine to begin on them."),
      static_cast<double>(sources.commands_waiting())));
  families.push_back(single(
      gauge("quern_engine_commands_limit",
            "How many requests may wait before more are refused; submits at three quarters."),
      static_cast<double>(sources.commands_max)));
}

}  // namespace quern::server
