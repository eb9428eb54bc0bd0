#include "command_queue.h"

#include <utility>
#include <variant>

namespace quern::server {
namespace {

// How many commands may wait before `command` is refused. New tasks leave the last quarter to
// everybody else: settling ends work, and a worker that cannot settle does it again.
std::size_t room_for(const engine::Command& command, std::size_t commands_max) {
  return std::holds_alternative<engine::Submit>(command) ? commands_max - commands_max / 4
                                                         : commands_max;
}

}  // namespace

Result<void> CommandQueue::submit(engine::Ticket ticket, engine::Command&& command) {
  if (!closed_because_.empty()) {
    return Error{.code = ErrorCode::recovering,
                 .detail = "the server is recovering from a storage failure; repeat in a moment",
                 .retry_after_seconds = 1};
  }
  const bool ends_drain = std::holds_alternative<engine::EndDrain>(command);
  if (ends_drain && stopping_) {
    return Error{.code = ErrorCode::draining,
                 .detail = "the server is stopping, which nothing takes back",
                 .retry_after_seconds = 5};
  }
  const std::size_t room = room_for(command, commands_max_);
  if (commands_.size() >= room) {
    return Error{.code = ErrorCode::overloaded,
                 .detail = std::to_string(room) +
                           " requests wait for the storage already; repeat in a moment",
                 .retry_after_seconds = 1};
  }
  if (ends_drain) draining_ = false;
  if (std::holds_alternative<engine::Drain>(command)) draining_ = true;
  commands_.push_back({ticket, std::move(command)});
  return {};
}

void CommandQueue::tell(engine::Command&& command) { commands_.push_back({0, std::move(command)}); }

void CommandQueue::close(std::string reason) {
  closed_because_ = std::move(reason);
  // What nobody waits for is kept: it takes leases back.
  std::erase_if(commands_, [](const Queued& queued) { return queued.ticket != 0; });
}

void CommandQueue::open() {
  closed_because_.clear();
  // A new engine does not know that the server is draining.
  Queued drain{0, engine::Drain{.stopping = stopping_}};
  if (draining_) commands_.insert(commands_.begin(), std::move(drain));
}

void CommandQueue::drain() {
  draining_ = true;
  stopping_ = true;
  tell(engine::Drain{.stopping = true});
}

}  // namespace quern::server
