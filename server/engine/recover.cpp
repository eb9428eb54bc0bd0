// Picking up where the last commit left off. Reads what is in hand (queues, counters, running
// tasks) and cursors, never the backlog: a restart is quick however much waits.

#include "engine/core.h"
#include "engine/record_checks.h"

namespace quern::engine {

namespace keys = storage::keys;
using storage::Range;
using storage::Table;

namespace {

// Each costs a few reads: a tenth of a second for them at most. Ticks go on with the rest.
constexpr std::size_t heads_at_start_max = 1024;

template <typename Record>
Record parsed(Table table, std::string_view value) {
  Record record;
  if (!record.ParseFromArray(value.data(), static_cast<int>(value.size())) || !is_sound(record)) {
    throw StoreFailure{
        {.code = ErrorCode::store_corrupt,
         .detail = "a record of table " + std::to_string(static_cast<int>(table)) + " is damaged"}};
  }
  return record;
}

record::Commit last_commit(const storage::Reader& store) {
  std::string value;
  Result<bool> found = store.get(Table::meta, keys::last_commit, value);
  if (!found) throw StoreFailure{std::move(found).error()};
  return *found ? parsed<record::Commit>(Table::meta, value) : record::Commit{};
}

}  // namespace

Core::Core(const storage::Reader& store, Random& random_source,
           const Engine::Options& engine_options)
    : options(engine_options),
      random(random_source),
      records(store),
      book(engine_options.figures),
      timers_(engine_options.window_entries, std::nullopt),
      commit_(last_commit(store)) {
  if (engine_options.figures != nullptr) {
    settles_refused_ = engine_options.figures->engine().settles_refused;
  }
}

void Core::recover() {
  if (commit_.timer_count() > 0) {
    timers_ = HeadWindow<keys::Timer>(
        options.window_entries,
        keys::Timer{Timestamp{commit_.timers_from()}, keys::TimerKind::start, TaskId{}});
  }

  records.scan(Table::queues, Range{}, [this](std::string_view key, std::string_view value) {
    const QueueNumber number = keys::parse_queue(key);
    const auto stored = parsed<record::QueueRecord>(Table::queues, value);
    record::QueueCounters counters;
    std::string bytes;
    if (records.get(Table::counters, key, bytes))
      counters = parsed<record::QueueCounters>(Table::counters, bytes);
    auto queue = std::make_unique<Queue>(number, stored, counters, options.window_entries);
    if (!queue->deleting()) {
      by_name_.emplace(*queue->name(), queue.get());
      book.open(*queue);
    } else {
      book.close(*queue);
    }
    queues_.emplace(number, std::move(queue));
    return true;
  });

  for (const auto& [number, queue] : queues_) {
    if (queue->deleting()) jobs.push_back(make_delete_job(0, *queue));
    const bool any_done =
        queue->count(TaskState::succeeded) + queue->count(TaskState::cancelled) > 0;
    if (any_done) schedule_sweep(*queue, FinishedClass::done, now.wall);
    const bool any_dead = queue->count(TaskState::dead) > 0;
    if (any_dead && queue->settings().dead_retention)
      schedule_sweep(*queue, FinishedClass::dead, now.wall);
  }

  records.scan(Table::running, Range{}, [this](std::string_view key, std::string_view value) {
    auto status = parsed<record::TaskStatus>(Table::running, value);
    leases.put(TaskId::from_bytes(key), held_task(nullptr, std::move(status), now));
    return true;
  });

  // Before anybody may look: figures that are wrong for a moment would set off alarms.
  book.release_unclaimed();
  find_oldest_ready(heads_at_start_max);
  publish_figures();
}

}  // namespace quern::engine
