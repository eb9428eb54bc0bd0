// Leases whose answer did not reach their worker go straight back.
#pragma once

#include "engine/outcome.h"
#include "engine_port.h"

namespace quern::http {

// What an answer to a lease gave away; nothing for any other.
engine::Undelivered leases_of(const engine::Outcome& outcome);

void return_leases(server::EnginePort& engine, engine::Undelivered&& leases);

}  // namespace quern::http
