#include "engine/audit_scan.h"

#include <algorithm>
#include <utility>

#include "engine/places.h"
#include "engine/records.h"
#include "engine/task_record.h"

namespace quern::engine {

namespace keys = storage::keys;
using storage::Batch;
using storage::Range;
using storage::Table;

namespace {

std::string_view name_of(Table table) {
  switch (table) {
    case Table::meta:
      return "meta";
    case Table::queues:
      return "queues";
    case Table::counters:
      return "counters";
    case Table::tasks:
      return "tasks";
    case Table::status:
      return "status";
    case Table::running:
      return "running";
    case Table::blobs:
      return "blobs";
    case Table::failures:
      return "failures";
    case Table::ready:
      return "ready";
    case Table::timers:
      return "timers";
    case Table::finished:
      return "finished";
    case Table::keys:
      return "keys";
    case Table::correlation:
      return "correlation";
    case Table::moved:
      return "moved";
    case Table::queue_names:
      return "queue_names";
  }
  return "";
}

Batch::Write put(Table table, std::string key, std::string value = {}) {
  return {.table = table, .key = std::move(key), .value = std::move(value)};
}

Batch::Write erase(Table table, std::string_view key) {
  return {.table = table, .key = std::string(key), .value = std::nullopt};
}

template <typename Record>
bool parse(std::string_view bytes, Record& record) {
  return record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

template <typename T>
void keep_first(std::optional<T>& first, const T& other) {
  if (!first || other < *first) first = other;
}

}  // namespace

AuditScan::AuditScan(const storage::Reader& reader, AuditReport& report, Found found)
    : reader_(reader), report_(report), found_(std::move(found)) {}

void AuditScan::run() {
  load_queues();
  check_tasks();
  for (const Table table :
       {Table::ready, Table::timers, Table::finished, Table::correlation, Table::moved}) {
    check_index(table);
  }
  check_keys_table();
  for (const Table table : {Table::status, Table::running, Table::blobs, Table::failures}) {
    check_parts(table);
  }
  check_counters();
  check_names();
  check_commit();
}

// --- records

void AuditScan::load_queues() {
  scan(Table::queues, [this](std::string_view key, std::string_view value) {
    const QueueNumber number = keys::parse_queue(key);
    Tally& tally = queues_[number];
    record::QueueRecord stored;
    if (!parse(value, stored)) {
      return report("the record of queue number " + std::to_string(number) + " is damaged");
    }
    tally.name = stored.name();
    tally.deleting = stored.deleting();
  });
  report_.queue_count = queues_.size();
}

void AuditScan::check_tasks() {
  scan(Table::tasks, [this](std::string_view key, std::string_view value) {
    check_task(keys::task_id_of(key), value);
  });
}

void AuditScan::check_task(const TaskId& id, std::string_view value) {
  ++report_.task_count;
  if (!newest_ || *newest_ < id) newest_ = id;
  Known task;
  std::string bytes;
  const bool running = get(Table::running, keys::id(id), bytes);
  const bool has_status = running || get(Table::status, keys::id(id), bytes);
  if (!parse(value, task.body)) return report("the body of task " + id.text() + " is damaged");
  if (has_status && !parse(bytes, task.status)) {
    return report("the status of task " + id.text() + " is damaged");
  }
  if (!has_status) task.status = status_as_submitted(id, task.body);
  task.as_submitted = !has_status;
  if (!queues_.contains(task.status.queue())) {
    return report("task " + id.text() + " is in queue number " +
                  std::to_string(task.status.queue()) + ", which is not there");
  }
  check_state(id, task);
  check_key(id, task);
  const std::vector<Entry> entries = index_entries(id, task);
  for (const Entry& entry : entries) {
    if (has(entry.table, entry.key)) continue;
    report("task " + id.text() + " is missing from " + std::string(name_of(entry.table)),
           {put(entry.table, entry.key)});
  }
  for (const Entry& part : parts(id, task)) {
    if (has(part.table, part.key)) continue;
    report("a part of task " + id.text() + " is missing from " + std::string(name_of(part.table)));
  }
  count(id, task, entries);
}

void AuditScan::check_state(const TaskId& id, const Known& task) {
  const record::TaskStatus& status = task.status;
  if (status.state() >= task_state_count) {
    return report("task " + id.text() + " is in a state that does not exist");
  }
  const TaskState state = state_of(status);
  const auto wrong = [&](const char* what) {
    report("task " + id.text() + ", which is " + std::string(to_string(state)) + ", " + what);
  };
  const bool running = state == TaskState::running;
  if (status.has_lease() != running) wrong(running ? "has no lease" : "has a lease");
  if (running && status.lease().token().size() != 16) wrong("has a lease without a token");
  if (running != has(Table::running, keys::id(id))) wrong("is in the wrong table");
  if ((status.finished_at() != 0) != is_terminal(state)) wrong("has the wrong time of finishing");
  if ((status.dead_reason() != 0) != (state == TaskState::dead)) wrong("has the wrong dead_reason");
}

// Nobody else may have the key of a task that is under way, unless it was redriven: then a newer
// one may have taken it over while it was dead.
void AuditScan::check_key(const TaskId& id, const Known& task) {
  const std::string& key = task.body.idempotency_key();
  const bool holds = !key.empty() && !is_terminal(state_of(task.status)) &&
                     task.status.redrives() == 0 && queues_.contains(id.queue());
  if (!holds) return;
  const std::string stored = keys::idempotency(id.queue(), key);
  std::string holder;
  if (get(Table::keys, stored, holder) && holder == id.view()) return;
  report("task " + id.text() + " does not hold its idempotency key",
         {put(Table::keys, stored, std::string(id.view()))});
}

void AuditScan::count(const TaskId& id, const Known& task, const std::vector<Entry>& entries) {
  Tally& tally = queues_.at(task.status.queue());
  if (task.status.state() < task_state_count) ++tally.counts[task.status.state()];
  const Places places = places_of(id, task.body, task.status, task.as_submitted);
  if (places.fresh && places.priority <= limits::priority_max) {
    keep_first(tally.fresh[places.priority], id);
  }
  if (const auto home = queues_.find(id.queue()); home != queues_.end()) {
    keep_first(home->second.run[id.lane()], id);
    const bool taken =
        places.running && id.lane() <= limits::priority_max && !has(Table::status, keys::id(id));
    if (taken) home->second.taken[id.lane()] = id;  // ids of a lane come in order
  }
  if (places.moved) keep_first(tally.run[run_moved], id);
  for (const Entry& entry : entries) {
    if (entry.table == Table::ready && places.priority <= limits::priority_max) {
      keep_first(tally.ready[places.priority], entry.key);
    } else if (entry.table == Table::finished) {
      const bool dead = places.finished->finished_class == keys::FinishedClass::dead;
      keep_first(tally.finished[dead ? 1 : 0], entry.key);
    } else if (entry.table == Table::timers) {
      ++timer_count_;
      keep_first(first_due_, keys::parse_timer(entry.key).due.ms);
    }
  }
}

// --- entries

std::vector<AuditScan::Entry> AuditScan::index_entries(const TaskId& id, const Known& task) {
  const Places places = places_of(id, task.body, task.status, task.as_submitted);
  std::vector<Entry> entries;
  if (places.ready_at) {
    entries.push_back(
        {Table::ready, keys::ready(places.queue, places.priority, {*places.ready_at, id})});
  }
  const auto timer = [&](const std::optional<Timestamp>& at, keys::TimerKind kind) {
    if (at) entries.push_back({Table::timers, keys::timer({*at, kind, id})});
  };
  timer(places.start_at, keys::TimerKind::start);
  timer(places.expire_at, keys::TimerKind::expire);
  timer(places.forget_at, keys::TimerKind::forget);
  if (places.finished) {
    entries.push_back(
        {Table::finished,
         keys::finished(places.queue, places.finished->finished_class, {places.finished->at, id})});
  }
  if (places.moved) entries.push_back({Table::moved, keys::moved(places.queue, id)});
  if (!task.body.correlation_id().empty()) {
    entries.push_back({Table::correlation, keys::correlation(task.body.correlation_id(), id)});
  }
  return entries;
}

std::vector<AuditScan::Entry> AuditScan::parts(const TaskId& id, const Known& task) {
  std::vector<Entry> parts;
  const auto blob = [&](bool apart, keys::BlobKind kind) {
    if (apart) parts.push_back({Table::blobs, keys::blob(id, kind)});
  };
  blob(task.body.payload_apart(), keys::BlobKind::payload);
  blob(task.status.result_apart(), keys::BlobKind::result);
  blob(task.status.progress_apart(), keys::BlobKind::progress);
  const std::uint32_t failures = task.status.failure_count();
  const auto kept = static_cast<std::uint32_t>(limits::failures_kept_max);
  for (std::uint32_t n = failures > kept ? failures - kept : 0; n < failures; ++n) {
    parts.push_back({Table::failures, keys::failure(id, n)});
  }
  return parts;
}

void AuditScan::check_index(Table table) {
  scan(table, [this, table](std::string_view key, std::string_view) {
    ++report_.entry_count;
    if (key.size() < 16) {
      return report(std::string(name_of(table)) + " has a key that is none", {erase(table, key)});
    }
    const TaskId id = keys::trailing_id(key);
    const std::optional<Known> task = load(id);
    if (task) {
      const std::vector<Entry> entries = index_entries(id, *task);
      const bool belongs = std::any_of(entries.begin(), entries.end(), [&](const Entry& entry) {
        return entry.table == table && entry.key == key;
      });
      if (belongs) return;
    }
    report(std::string(name_of(table)) + " has an entry of task " + id.text() +
               (task ? " that does not belong to it" : ", which is not there"),
           {erase(table, key)});
  });
}

void AuditScan::check_keys_table() {
  scan(Table::keys, [this](std::string_view key, std::string_view value) {
    ++report_.entry_count;
    std::optional<Known> task;
    if (value.size() == 16) task = load(TaskId::from_bytes(value));
    if (task) {
      const TaskId id = TaskId::from_bytes(value);
      if (keys::idempotency(id.queue(), task->body.idempotency_key()) == key) return;
    }
    report("an idempotency key names a task that is not there or has another key",
           {erase(Table::keys, key)});
  });
}

void AuditScan::check_parts(Table table) {
  scan(table, [this, table](std::string_view key, std::string_view) {
    if (key.size() < 16) return report(std::string(name_of(table)) + " has a key that is none");
    const TaskId id = TaskId::from_bytes(key.substr(0, 16));
    const std::optional<Known> task = load(id);
    bool belongs = false;
    if (task && (table == Table::status || table == Table::running)) {
      // A running task's settled status stays behind, outranked.
      belongs = table == Table::status || state_of(task->status) == TaskState::running;
    } else if (task) {
      const std::vector<Entry> owned = parts(id, *task);
      belongs = std::any_of(owned.begin(), owned.end(), [&](const Entry& entry) {
        return entry.table == table && entry.key == key;
      });
    }
    // Not removed: it may be all that is left of a task.
    if (!belongs) {
      report(std::string(name_of(table)) + " has something of task " + id.text() +
             (task ? " that does not belong to it" : ", which is not there"));
    }
  });
}

// --- reading

std::optional<AuditScan::Known> AuditScan::load(const TaskId& id) const {
  Known task;
  std::string bytes;
  if (!get(Table::tasks, keys::task(id), bytes) || !parse(bytes, task.body)) return std::nullopt;
  const bool has_status =
      get(Table::running, keys::id(id), bytes) || get(Table::status, keys::id(id), bytes);
  if (has_status && !parse(bytes, task.status)) return std::nullopt;
  if (!has_status) task.status = status_as_submitted(id, task.body);
  task.as_submitted = !has_status;
  return task;
}

bool AuditScan::has(Table table, std::string_view key) const {
  std::string value;
  return get(table, key, value);
}

bool AuditScan::get(Table table, std::string_view key, std::string& value) const {
  return must(reader_.get(table, key, value));
}

void AuditScan::scan(
    Table table,
    const std::function<void(std::string_view key, std::string_view value)>& visit) const {
  must(reader_.scan(table, Range{}, [&visit](std::string_view key, std::string_view value) {
    visit(key, value);
    return true;
  }));
}

void AuditScan::report(std::string text, std::vector<Batch::Write> mend) {
  found_(std::move(text), std::move(mend));
}

}  // namespace quern::engine
