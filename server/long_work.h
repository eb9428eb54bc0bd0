// Work that a request asks for and that is too long for the engine's thread and for an io thread.
//
// Shape    an interface, so that tests can do the work at once. Outcomes come to the ReplySink
//          under the ticket, as the engine's replies do.
// Threads  any.
// Errors   as outcomes.
#pragma once

#include "engine/outcome.h"

namespace quern::server {

class LongWork {
 public:
  virtual ~LongWork() = default;
  // There is one outcome for each ticket, unless that is abandoned.
  virtual void begin(engine::Ticket ticket) = 0;
  // Nobody waits for `ticket` any more: what nobody waits for is given up.
  virtual void abandon(engine::Ticket ticket) = 0;
};

}  // namespace quern::server
