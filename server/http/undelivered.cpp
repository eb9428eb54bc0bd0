#include "http/undelivered.h"

#include <utility>
#include <variant>

namespace quern::http {

engine::Undelivered leases_of(const engine::Outcome& outcome) {
  engine::Undelivered leases;
  if (const auto* leased = std::get_if<engine::Leased>(&outcome)) {
    leases.leases.reserve(leased->tasks.size());
    for (const engine::TaskView& task : leased->tasks) {
      leases.leases.push_back({task.id, task.status.lease().token()});
    }
  }
  return leases;
}

void return_leases(server::EnginePort& engine, engine::Undelivered&& leases) {
  if (!leases.leases.empty()) engine.tell(std::move(leases));
}

}  // namespace quern::http
