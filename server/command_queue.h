// The commands that wait for the engine: bounded, and closed while there is no engine.
//
// Shape    first in, first out. Some commands have a ticket, under which somebody waits for the
//          reply; those without (Abandon, Undelivered, Drain) are never refused nor dropped.
// Threads  none: commit_loop.h holds a lock over it.
// Errors   listed per function; a refused command was not queued.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "engine/command.h"
#include "quern/protocol/result.h"

namespace quern::server {

struct Queued {
  engine::Ticket ticket = 0;  // 0: nobody waits
  engine::Command command;
};

class CommandQueue {
 public:
  explicit CommandQueue(std::size_t commands_max) : commands_max_(commands_max) {}

  //   overloaded  `commands_max` wait already; for new tasks, three quarters of it
  //   recovering  it is closed
  //   draining    an EndDrain, while the process is about to end
  Result<void> submit(engine::Ticket ticket, engine::Command&& command);
  void tell(engine::Command&& command);

  // There is no engine, for this reason. Whoever waits for a reply is to be told by the caller:
  // their commands are dropped.
  void close(std::string reason);
  // There is an engine again.
  void open();
  // The process is about to end: every engine from here on learns first that it is draining. As a
  // client's Drain does, but no EndDrain takes this one back.
  void drain();

  bool empty() const { return commands_.empty(); }
  const std::vector<Queued>& waiting() const { return commands_; }
  // All that wait, in exchange for an empty vector whose memory is used on.
  void swap(std::vector<Queued>& taken) { taken.swap(commands_); }
  const std::string& closed_because() const { return closed_because_; }  // empty: it is open
  bool draining() const { return draining_; }
  bool stopping() const { return stopping_; }

 private:
  std::size_t commands_max_;
  std::vector<Queued> commands_;
  std::string closed_because_;
  bool draining_ = false;  // stays true over failures of the engine
  bool stopping_ = false;
};

}  // namespace quern::server
