#include "index_check.h"

#include <set>

#include "engine/places.h"
#include "engine/task_record.h"
#include "quern/storage/keys.h"
#include "violation.h"

namespace quern::sim {

namespace keys = storage::keys;
using engine::Places;
using storage::Reader;
using storage::Table;

namespace {

using Entry = std::pair<Table, std::string>;

// Every index entry that a task has, as its records say.
std::set<Entry> entries_of(const Reader& reader, const TaskId& id) {
  std::set<Entry> entries;
  const Result<std::shared_ptr<record::TaskBody>> body = engine::load_body(reader, id);
  demand(body.has_value(), "a body cannot be read");
  if (!*body) return entries;
  const Result<std::optional<record::TaskStatus>> stored = engine::load_status(reader, id);
  demand(stored.has_value(), "a status cannot be read");
  const bool as_submitted = !*stored;
  const record::TaskStatus status =
      as_submitted ? engine::status_as_submitted(id, **body) : **stored;
  const Places places = engine::places_of(id, **body, status, as_submitted);
  if (places.ready_at) {
    entries.emplace(Table::ready,
                    keys::ready(places.queue, places.priority, {*places.ready_at, id}));
  }
  const auto timer = [&](const std::optional<Timestamp>& at, keys::TimerKind kind) {
    if (at) entries.emplace(Table::timers, keys::timer({*at, kind, id}));
  };
  timer(places.start_at, keys::TimerKind::start);
  timer(places.expire_at, keys::TimerKind::expire);
  timer(places.forget_at, keys::TimerKind::forget);
  if (places.finished) {
    entries.emplace(Table::finished, keys::finished(places.queue, places.finished->finished_class,
                                                    {places.finished->at, id}));
  }
  if (places.running) entries.emplace(Table::running, keys::id(id));
  if (places.moved) entries.emplace(Table::moved, keys::moved(places.queue, id));
  if (!(*body)->correlation_id().empty()) {
    entries.emplace(Table::correlation, keys::correlation((*body)->correlation_id(), id));
  }
  if ((*body)->payload_apart()) {
    entries.emplace(Table::blobs, keys::blob(id, keys::BlobKind::payload));
  }
  if (status.result_apart()) entries.emplace(Table::blobs, keys::blob(id, keys::BlobKind::result));
  if (status.progress_apart()) {
    entries.emplace(Table::blobs, keys::blob(id, keys::BlobKind::progress));
  }
  for (std::uint32_t n = 0; n < status.failure_count(); ++n) {
    if (n + 10 >= status.failure_count()) entries.emplace(Table::failures, keys::failure(id, n));
  }
  return entries;
}

bool there(const Reader& reader, const Entry& entry) {
  std::string value;
  const Result<bool> found = reader.get(entry.first, entry.second, value);
  demand(found.has_value(), "an index cannot be read");
  return *found;
}

void check_entries(const After& after, const TaskId& id) {
  const std::set<Entry> now = entries_of(after.store(), id);
  const auto table_of = [](const Entry& entry) {
    return " in table " + std::to_string(static_cast<int>(entry.first));
  };
  for (const Entry& entry : now) {
    if (!there(after.store(), entry)) {
      violate("task " + id.text() + " has no entry" + table_of(entry));
    }
  }
  for (const Entry& entry : entries_of(after.before(), id)) {
    if (!now.contains(entry) && there(after.store(), entry)) {
      violate("task " + id.text() + " has left an entry" + table_of(entry));
    }
  }
}

void check_counts(const After& after, const State& state, QueueNumber number) {
  std::string value;
  const Result<bool> found = after.store().get(Table::counters, keys::queue(number), value);
  demand(found.has_value(), "counters cannot be read");
  record::QueueCounters counters;
  demand(!*found || counters.ParseFromString(value), "counters are damaged");
  const auto expected = state.counts(number);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const int at = static_cast<int>(i);
    const std::uint64_t stored = at < counters.by_state_size() ? counters.by_state(at) : 0;
    if (stored == expected[i]) continue;
    violate("queue number " + std::to_string(number) + " counts " + std::to_string(stored) + " " +
            std::string(to_string(static_cast<TaskState>(i))) + ", there are " +
            std::to_string(expected[i]));
  }
}

}  // namespace

void check_indexes(const After& after, const State& state) {
  if (after.touched().empty()) return;
  for (const TaskId& id : after.touched()) check_entries(after, id);
  for (const auto& [number, queue] : state.queues) check_counts(after, state, number);
}

}  // namespace quern::sim
