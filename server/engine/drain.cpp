// Drain: the work in hand is ended, no other is begun.

#include <utility>

#include "engine/commands.h"

namespace quern::engine {

void drain(Core& core, Ticket ticket, const Drain& command) {
  core.draining = true;
  core.stopping = core.stopping || command.stopping;
  for (const Ticket parked : core.waiters.all()) {
    // Who waits for a task waits for the work in hand, which a drain lets finish. Who waits for the
    // drain itself has got what they asked for, unless the process ends.
    if (core.stopping || core.waiters.lease(parked) != nullptr) answer_parked(core, parked);
  }
  const bool waits = command.wait > Duration{0} && core.leases.size() > 0 && !core.stopping;
  if (!waits) return core.reply(ticket, Drained{core.leases.size()});
  core.waiters.park_drain(ticket, core.now.steady + command.wait);
}

void end_drain(Core& core, Ticket ticket) {
  core.draining = false;
  for (const Ticket parked : std::set(core.waiters.drains())) answer_parked(core, parked);
  core.reply(ticket, Done{});
}

void serve_drains(Core& core) {
  if (core.waiters.drains().empty() || core.leases.size() > 0) return;
  for (const Ticket parked : std::set(core.waiters.drains())) answer_parked(core, parked);
}

}  // namespace quern::engine
