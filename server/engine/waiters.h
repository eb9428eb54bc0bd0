// Calls that are parked until something happens: leases waiting for a ready task, readers waiting
// for a task's end, operators waiting for a drain's.
//
// Shape    a lease waits on queue names, since a queue may not exist yet. First parked, first
// served; one ready task
//          serves one waiter.
// Threads  none: the engine's.
#pragma once

#include <list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/command.h"
#include "engine/now.h"
#include "engine/outcome.h"

namespace quern::engine {

class Waiters {
 public:
  struct ParkedLease {
    Lease lease;
    std::vector<Settled> settled;  // what was done first, answered together
    bool unfinished = false;       // the last look for tasks was cut short: its end does not count
  };

  void park(Ticket ticket, ParkedLease parked, Steady deadline);
  void park(Ticket ticket, const TaskId& task, Steady deadline);
  void park_drain(Ticket ticket, Steady deadline);
  // Forgets the call, if it is parked.
  void remove(Ticket ticket);

  bool any_on(const std::string& queue) const { return by_queue_.contains(queue); }
  // The one parked longest on `queue`.
  std::optional<Ticket> first_on(const std::string& queue) const;
  // The parked lease of a ticket that first_on() or due() gave; null for one that waits for a task.
  ParkedLease* lease(Ticket ticket);
  // Everybody who waits for `task`, no longer parked.
  std::vector<Ticket> take_waiting_for(const TaskId& task);

  std::optional<Steady> next_deadline() const {
    return deadlines_.empty() ? std::nullopt : std::optional(deadlines_.begin()->first);
  }
  std::optional<Ticket> due(Steady now) const {
    if (deadlines_.empty() || deadlines_.begin()->first > now) return std::nullopt;
    return deadlines_.begin()->second;
  }
  std::vector<Ticket> all() const;
  std::size_t lease_count() const { return lease_count_; }
  std::size_t read_count() const { return parked_.size() - lease_count_ - drains_.size(); }
  // Those of all() that wait for a drain's end.
  const std::set<Ticket>& drains() const { return drains_; }

 private:
  struct Parked {
    Steady deadline{0};
    std::optional<ParkedLease> lease;
    std::optional<TaskId> task;
    // Where it stands in the line of each queue, in the order of lease.queues without repetition.
    std::vector<std::pair<std::string, std::list<Ticket>::iterator>> places;
  };

  std::unordered_map<Ticket, Parked> parked_;
  std::unordered_map<std::string, std::list<Ticket>> by_queue_;
  std::unordered_map<TaskId, std::set<Ticket>> by_task_;
  std::set<Ticket> drains_;
  std::set<std::pair<Steady, Ticket>> deadlines_;
  std::size_t lease_count_ = 0;  // of parked_
};

}  // namespace quern::engine
