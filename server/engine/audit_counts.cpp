// The part of the audit that holds counters, cursors and names against what the walk found.

#include "engine/audit_scan.h"

namespace quern::engine {

namespace keys = storage::keys;
using storage::Batch;
using storage::Table;

namespace {

Batch::Write put(Table table, std::string key, std::string value) {
  return {.table = table, .key = std::move(key), .value = std::move(value)};
}

Batch::Write erase(Table table, std::string_view key) {
  return {.table = table, .key = std::string(key), .value = std::nullopt};
}

std::string at(const google::protobuf::RepeatedPtrField<std::string>& fields, std::size_t index) {
  return index < static_cast<std::size_t>(fields.size()) ? fields[static_cast<int>(index)]
                                                         : std::string();
}

void set(google::protobuf::RepeatedPtrField<std::string>& fields, std::size_t index,
         std::string value) {
  while (static_cast<std::size_t>(fields.size()) <= index) fields.Add();
  fields[static_cast<int>(index)] = std::move(value);
}

// A scan from `cursor` on, as stored, passes over `first`.
bool passes_over(const std::string& cursor, const std::optional<std::string>& first,
                 const std::string& prefix) {
  return first && *first < prefix + cursor;
}

}  // namespace

void AuditScan::check_counters() {
  for (const auto& [number, tally] : queues_) {
    const std::string who = "queue " + tally.name;
    std::vector<std::string> wrong;
    std::string bytes;
    record::QueueCounters counters;
    if (get(Table::counters, keys::queue(number), bytes) && !counters.ParseFromString(bytes)) {
      wrong.push_back("the counters of " + who + " are damaged");
      counters.Clear();
    }
    while (counters.by_state_size() < static_cast<int>(task_state_count)) counters.add_by_state(0);
    for (std::size_t state = 0; state < task_state_count; ++state) {
      const std::uint64_t shown = counters.by_state(static_cast<int>(state));
      if (shown == tally.counts[state]) continue;
      wrong.push_back(who + " counts " + std::to_string(shown) + " " +
                      std::string(to_string(static_cast<TaskState>(state))) + ", a scan finds " +
                      std::to_string(tally.counts[state]));
      counters.set_by_state(static_cast<int>(state), tally.counts[state]);
    }
    check_cursors(number, tally, counters, wrong);
    for (std::string& text : wrong) {
      report(std::move(text),
             {put(Table::counters, keys::queue(number), counters.SerializeAsString())});
    }
  }
  scan(Table::counters, [this](std::string_view key, std::string_view) {
    if (queues_.contains(keys::parse_queue(key))) return;
    report("there are counters of a queue that is not there", {erase(Table::counters, key)});
  });
}

// As far as the lane was taken, as the records show it.
std::string AuditScan::lane_done_of(const Tally& tally, std::uint32_t priority) {
  const std::optional<TaskId>& taken = tally.taken[priority];
  return taken ? std::string(taken->view()) : std::string();
}

// Scans begin at the stored cursors, so nothing that is alive may lie before one.
void AuditScan::check_cursors(QueueNumber number, const Tally& tally,
                              record::QueueCounters& counters, std::vector<std::string>& wrong) {
  const std::string who = "queue " + tally.name;
  for (std::uint32_t priority = 0; priority <= limits::priority_max; ++priority) {
    const std::string of_priority = " of priority " + std::to_string(priority);
    const std::string done = at(counters.lane_done(), priority);
    if (tally.fresh[priority] && !done.empty() && tally.fresh[priority]->view() <= done) {
      wrong.push_back(who + " would pass over a ready task" + of_priority + " (lane_done)");
      set(*counters.mutable_lane_done(), priority, lane_done_of(tally, priority));
    } else if (tally.taken[priority] && tally.taken[priority]->view() > done) {
      wrong.push_back(who + " would lease a running task again" + of_priority + " (lane_done)");
      set(*counters.mutable_lane_done(), priority, lane_done_of(tally, priority));
    }
    const std::string prefix = keys::ready_prefix(number, priority);
    const std::string from = at(counters.ready_from(), priority);
    const std::optional<std::string>& first = tally.ready[priority];
    if (first && (from.empty() || passes_over(from, first, prefix))) {
      wrong.push_back(who + " would pass over a ready task" + of_priority + " (ready_from)");
      set(*counters.mutable_ready_from(), priority, first->substr(prefix.size()));
    }
  }
  const auto finished = [&](keys::FinishedClass finished_class, const char* name,
                            std::string* cursor) {
    const std::string prefix = keys::finished_prefix(number, finished_class);
    const auto& first = tally.finished[finished_class == keys::FinishedClass::dead ? 1 : 0];
    if (!passes_over(*cursor, first, prefix)) return;
    wrong.push_back(who + " would pass over a finished task (" + name + ")");
    *cursor = first->substr(prefix.size());
  };
  finished(keys::FinishedClass::done, "done_from", counters.mutable_done_from());
  finished(keys::FinishedClass::dead, "dead_from", counters.mutable_dead_from());
  for (std::size_t run = 0; run < run_count; ++run) {
    const std::string from = at(counters.run_from(), run);
    if (from.empty() || !tally.run[run] || tally.run[run]->view() >= from) continue;
    wrong.push_back(who + " would pass over a task in lists (run_from)");
    set(*counters.mutable_run_from(), run, {});
  }
}

void AuditScan::check_names() {
  for (const auto& [number, tally] : queues_) {
    if (tally.deleting || tally.name.empty()) continue;
    std::string stored;
    if (get(Table::queue_names, tally.name, stored) && stored == keys::queue(number)) continue;
    report("queue " + tally.name + " is not found by its name",
           {put(Table::queue_names, tally.name, keys::queue(number))});
  }
  scan(Table::queue_names, [this](std::string_view key, std::string_view value) {
    const auto queue = value.size() == 4 ? queues_.find(keys::parse_queue(value)) : queues_.end();
    if (queue != queues_.end() && queue->second.name == key && !queue->second.deleting) return;
    report("the name " + std::string(key) + " leads to no queue", {erase(Table::queue_names, key)});
  });
}

void AuditScan::check_commit() {
  std::string bytes;
  record::Commit commit;
  std::vector<std::string> wrong;
  if (get(Table::meta, keys::last_commit, bytes) && !commit.ParseFromString(bytes)) {
    wrong.emplace_back("the record of the last commit is damaged");
  }
  if (commit.timer_count() != timer_count_) {
    wrong.push_back("the last commit counts " + std::to_string(commit.timer_count()) +
                    " timers, a scan finds " + std::to_string(timer_count_));
    commit.set_timer_count(timer_count_);
  }
  if (first_due_ && *first_due_ < commit.timers_from()) {
    wrong.emplace_back("the last commit would pass over a timer (timers_from)");
    commit.set_timers_from(*first_due_);
  }
  if (!queues_.empty() && queues_.rbegin()->first > commit.last_queue()) {
    wrong.emplace_back("the last commit would give a queue's number away again (last_queue)");
    commit.set_last_queue(queues_.rbegin()->first);
  }
  if (newest_ && newest_->unix_ms() > commit.last_id_ms()) {
    wrong.emplace_back("the last commit would give a task's id away again (last_id)");
    commit.set_last_id_ms(newest_->unix_ms() + 1);
    commit.set_last_id_sequence(0);
  }
  for (std::string& text : wrong) {
    report(std::move(text),
           {put(Table::meta, std::string(keys::last_commit), commit.SerializeAsString())});
  }
}

}  // namespace quern::engine
