// What happens by itself when its time has come: leases that end, tasks that become ready or
// expire, retention.
//
// Each does at most `tasks_max` tasks and leaves the rest for the next tick.
#pragma once

#include <cstddef>

namespace quern::engine {

class Core;

void end_leases(Core& core, std::size_t tasks_max);
void fire_timers(Core& core, std::size_t tasks_max);
void sweep_finished(Core& core, std::size_t tasks_max);
void end_waits(Core& core, std::size_t calls_max);

}  // namespace quern::engine
