// How the rest of the server talks to the engine's thread: commands go in under a ticket, replies
// come back to a sink, committed state is read directly.
//
// Shape    an interface, so that tests can stand in for either side; commit_loop.h is the real one.
// Threads  EnginePort: any thread. ReplySink: called on the engine's thread; must not block.
// Errors   listed per function. A refused command was not queued and changed nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/command.h"
#include "engine/outcome.h"
#include "quern/protocol/result.h"
#include "quern/storage/store.h"

namespace quern::server {

class ReplySink {
 public:
  virtual ~ReplySink() = default;
  // Every reply of one commit, once that commit is durable: a receiver wakes each of its threads
  // once.
  virtual void deliver(std::vector<engine::Reply>&& replies) = 0;
  // The engine is gone and will not reply to anything submitted before this call.
  virtual void fail_all(const Error& error) = 0;
};

enum class Readiness : std::uint8_t { recovering, ready, draining, read_only };

struct Health {
  Readiness readiness = Readiness::recovering;
  std::string reason;  // for people; empty when ready
};

class EnginePort {
 public:
  virtual ~EnginePort() = default;

  // Queues `command`; its reply comes to the sink under `ticket`.
  //   overloaded  too many commands wait already
  //   recovering  there is no engine at the moment
  virtual Result<void> submit(engine::Ticket ticket, engine::Command&& command) = 0;

  // Queues what is never answered and never refused: Abandon, Undelivered and the like. While there
  // is no engine they wait for the next one.
  virtual void tell(engine::Command&& command) = 0;

  // Committed state, or null while recovering. Hold it no longer than one request: a recovery waits
  // until all are given back.
  virtual std::shared_ptr<const storage::Store> store() const = 0;

  virtual Health health() const = 0;
};

}  // namespace quern::server
