#include "engine/waiters.h"

#include <algorithm>

namespace quern::engine {

void Waiters::park(Ticket ticket, ParkedLease parked, Steady deadline) {
  Parked entry{.deadline = deadline, .lease = std::move(parked), .task = {}, .places = {}};
  for (const std::string& queue : entry.lease->lease.queues) {
    const bool repeated = std::any_of(entry.places.begin(), entry.places.end(),
                                      [&](const auto& place) { return place.first == queue; });
    if (repeated) continue;
    std::list<Ticket>& line = by_queue_[queue];
    entry.places.emplace_back(queue, line.insert(line.end(), ticket));
  }
  deadlines_.emplace(deadline, ticket);
  parked_.emplace(ticket, std::move(entry));
  ++lease_count_;
}

void Waiters::park(Ticket ticket, const TaskId& task, Steady deadline) {
  by_task_[task].insert(ticket);
  deadlines_.emplace(deadline, ticket);
  parked_.emplace(ticket, Parked{.deadline = deadline, .lease = {}, .task = task, .places = {}});
}

void Waiters::park_drain(Ticket ticket, Steady deadline) {
  drains_.insert(ticket);
  deadlines_.emplace(deadline, ticket);
  parked_.emplace(ticket, Parked{.deadline = deadline, .lease = {}, .task = {}, .places = {}});
}

void Waiters::remove(Ticket ticket) {
  const auto found = parked_.find(ticket);
  if (found == parked_.end()) return;
  Parked& entry = found->second;
  for (auto& [queue, place] : entry.places) {
    const auto line = by_queue_.find(queue);
    line->second.erase(place);
    if (line->second.empty()) by_queue_.erase(line);
  }
  if (entry.task) {
    const auto line = by_task_.find(*entry.task);
    line->second.erase(ticket);
    if (line->second.empty()) by_task_.erase(line);
  }
  if (entry.lease) --lease_count_;
  drains_.erase(ticket);
  deadlines_.erase({entry.deadline, ticket});
  parked_.erase(found);
}

std::optional<Ticket> Waiters::first_on(const std::string& queue) const {
  const auto line = by_queue_.find(queue);
  return line == by_queue_.end() ? std::nullopt : std::optional(line->second.front());
}

Waiters::ParkedLease* Waiters::lease(Ticket ticket) {
  const auto found = parked_.find(ticket);
  return found == parked_.end() || !found->second.lease ? nullptr : &*found->second.lease;
}

std::vector<Ticket> Waiters::take_waiting_for(const TaskId& task) {
  std::vector<Ticket> tickets;
  const auto line = by_task_.extract(task);
  if (line.empty()) return tickets;
  for (const Ticket ticket : line.mapped()) {
    const auto entry = parked_.find(ticket);
    deadlines_.erase({entry->second.deadline, ticket});
    parked_.erase(entry);
    tickets.push_back(ticket);
  }
  return tickets;
}

std::vector<Ticket> Waiters::all() const {
  std::vector<Ticket> tickets;
  tickets.reserve(parked_.size());
  for (const auto& [deadline, ticket] : deadlines_) tickets.push_back(ticket);
  return tickets;
}

}  // namespace quern::engine
