#include "engine/query.h"

#include <algorithm>
#include <map>

#include "engine/record_checks.h"
#include "engine/records.h"
#include "engine/runs.h"
#include "engine/task_record.h"
#include "quern/protocol/limits.h"
#include "quern/storage/keys.h"

namespace quern::engine {

namespace keys = storage::keys;
using storage::Direction;
using storage::Range;
using storage::Reader;
using storage::Table;

namespace {

// One call looks at no more tasks than this, however few of them match.
constexpr std::size_t examined_max = 2'000;
// Nor does it gather more bytes: failures can be large, and a page may be short.
constexpr std::size_t page_bytes_max = std::size_t{16} << 20;

// What a view needs of a task's queue, read once a call.
class QueueFacts {
 public:
  explicit QueueFacts(const Reader& reader) : reader_(reader) {}

  struct Facts {
    std::shared_ptr<const std::string> name;
    std::uint32_t max_attempts = 0;
  };

  Result<Facts> of(keys::QueueNumber number) {
    const auto known = known_.find(number);
    if (known != known_.end()) return known->second;
    std::string value;
    Result<bool> found = reader_.get(Table::queues, keys::queue(number), value);
    if (!found) return std::move(found).error();
    record::QueueRecord stored;
    if (!*found || !stored.ParseFromString(value) || !is_sound(stored)) {
      return Error{.code = ErrorCode::store_corrupt,
                   .detail = "the record of queue number " + std::to_string(number) +
                             " is missing or damaged"};
    }
    const Facts facts{std::make_shared<const std::string>(stored.name()),
                      stored.settings().max_attempts()};
    return known_.emplace(number, facts).first->second;
  }

 private:
  const Reader& reader_;
  std::map<keys::QueueNumber, Facts> known_;
};

Result<std::optional<keys::QueueNumber>> number_of(const Reader& reader, std::string_view name) {
  std::string value;
  Result<bool> found = reader.get(Table::queue_names, name, value);
  if (!found) return std::move(found).error();
  if (!*found) return std::optional<keys::QueueNumber>();
  if (value.size() != sizeof(keys::QueueNumber)) {
    return Error{.code = ErrorCode::store_corrupt,
                 .detail = "the number of queue " + std::string(name) + " is damaged"};
  }
  return std::optional(keys::parse_queue(value));
}

Result<record::QueueCounters> counters_of(const Reader& reader, keys::QueueNumber number) {
  record::QueueCounters counters;
  std::string value;
  Result<bool> found = reader.get(Table::counters, keys::queue(number), value);
  if (!found) return std::move(found).error();
  if (*found && (!counters.ParseFromString(value) || !is_sound(counters))) {
    return Error{
        .code = ErrorCode::store_corrupt,
        .detail = "the counters of queue number " + std::to_string(number) + " are damaged"};
  }
  return counters;
}

// Without its failures. nullopt: no such task.
Result<std::optional<TaskView>> load_head(const Reader& reader, QueueFacts& queues,
                                          const TaskId& id) {
  Result<std::shared_ptr<record::TaskBody>> body = load_body(reader, id);
  if (!body) return std::move(body).error();
  if (!*body) return std::optional<TaskView>();
  Result<std::optional<record::TaskStatus>> status = load_status(reader, id);
  if (!status) return std::move(status).error();

  TaskView view{.id = id};
  view.status = *status ? std::move(**status) : status_as_submitted(id, **body);
  view.body = std::move(*body);
  Result<QueueFacts::Facts> facts = queues.of(view.status.queue());
  if (!facts) return std::move(facts).error();
  view.queue = facts->name;
  view.max_attempts =
      view.body->has_max_attempts() ? view.body->max_attempts() : facts->max_attempts;
  return std::optional(std::move(view));
}

Result<void> add_failures(const Reader& reader, TaskView& view) {
  Result<std::vector<record::FailureRecord>> failures = load_failures(reader, view.id, view.status);
  if (!failures) return std::move(failures).error();
  view.failures = std::move(*failures);
  return {};
}

// Appends up to `count_max` ids of the run that follow `after`. Nothing lies before `from`.
Result<void> collect_ids(const Reader& reader, const Run& run, const std::optional<TaskId>& from,
                         const std::optional<TaskId>& after, std::size_t count_max,
                         std::vector<TaskId>& out) {
  std::string begin = from ? run.key(*from) : run.prefix;
  if (after) begin = std::max(begin, key_after(run.key(*after)));
  std::size_t count = 0;
  return reader.scan(run.table, {begin, run.end()}, [&](std::string_view key, std::string_view) {
    out.push_back(keys::trailing_id(key));
    return ++count < count_max;
  });
}

// The next ids, oldest first, of a queue or a correlation id. Fewer than `count_max`: there are no
// more.
class IdSource {
 public:
  IdSource(const Reader& reader, std::optional<keys::QueueNumber> queue,
           record::QueueCounters counters, const TaskQuery& query)
      : reader_(reader), queue_(queue), counters_(std::move(counters)), query_(query) {}

  Result<std::vector<TaskId>> next(const std::optional<TaskId>& after,
                                   std::size_t count_max) const {
    std::vector<TaskId> ids;
    Result<void> collected = query_.correlation_id ? of_correlation(after, count_max, ids)
                                                   : of_queue(after, count_max, ids);
    if (!collected) return std::move(collected).error();
    std::sort(ids.begin(), ids.end());
    if (ids.size() > count_max) ids.resize(count_max);
    return ids;
  }

 private:
  Result<void> of_correlation(const std::optional<TaskId>& after, std::size_t count_max,
                              std::vector<TaskId>& ids) const {
    // The root of an operation has no entry: its own id is its correlation id.
    const std::optional<TaskId> root = TaskId::parse(*query_.correlation_id);
    if (root && (!after || *after < *root)) ids.push_back(*root);
    const Run run{Table::correlation, keys::correlation_prefix(*query_.correlation_id)};
    return collect_ids(reader_, run, std::nullopt, after, count_max, ids);
  }

  Result<void> of_queue(const std::optional<TaskId>& after, std::size_t count_max,
                        std::vector<TaskId>& ids) const {
    for (std::size_t run = 0; run < run_count; ++run) {
      Result<void> collected = collect_ids(reader_, run_at(*queue_, run), run_from(counters_, run),
                                           after, count_max, ids);
      if (!collected) return collected;
    }
    return {};
  }

  const Reader& reader_;
  std::optional<keys::QueueNumber> queue_;
  record::QueueCounters counters_;  // of that queue
  const TaskQuery& query_;
};

bool matches(const TaskView& view, const TaskQuery& query, std::optional<keys::QueueNumber> queue) {
  if (queue && view.status.queue() != *queue) return false;
  if (!covers(query.scope, *view.queue)) return false;
  if (query.state && view.state() != *query.state) return false;
  if (query.type && view.body->type() != *query.type) return false;
  return !query.correlation_id || view.correlation_id() == *query.correlation_id;
}

}  // namespace

Result<std::optional<TaskView>> read_task(const Reader& reader, const TaskId& id) {
  QueueFacts queues(reader);
  Result<std::optional<TaskView>> view = load_head(reader, queues, id);
  if (!view || !*view) return view;
  if (Result<void> added = add_failures(reader, **view); !added) return std::move(added).error();
  if (Result<void> apart = load_apart(reader, **view); !apart) return std::move(apart).error();
  return view;
}

Result<TaskPage> list_tasks(const Reader& reader, const TaskQuery& query) {
  std::optional<keys::QueueNumber> queue;
  if (query.queue) {
    Result<std::optional<keys::QueueNumber>> number = number_of(reader, *query.queue);
    if (!number) return std::move(number).error();
    if (!*number) return TaskPage{};
    queue = **number;
  }
  Result<record::QueueCounters> counters =
      queue ? counters_of(reader, *queue) : record::QueueCounters{};
  if (!counters) return std::move(counters).error();
  const IdSource source(reader, queue, *std::move(counters), query);
  QueueFacts queues(reader);
  TaskPage page;
  std::optional<TaskId> after = query.after;
  std::size_t bytes = 0;
  for (std::size_t examined = 0; examined < examined_max;) {
    // One more than fits, to know whether there is a next page.
    const std::size_t wanted = query.limit - page.tasks.size() + 1;
    Result<std::vector<TaskId>> ids = source.next(after, wanted);
    if (!ids) return std::move(ids).error();
    for (const TaskId& id : *ids) {
      Result<std::optional<TaskView>> view = load_head(reader, queues, id);
      if (!view) return std::move(view).error();
      const bool shown = *view && matches(**view, query, queue);
      if (shown && (page.tasks.size() == query.limit || bytes >= page_bytes_max)) {
        page.next = after;
        return page;
      }
      after = id;
      if (!shown) continue;
      Result<void> added = add_failures(reader, **view);
      if (!added) return std::move(added).error();
      bytes += (*view)->byte_count();
      page.tasks.push_back(std::move(**view));
    }
    if (ids->size() < wanted) return page;
    examined += ids->size();
  }
  page.next = after;
  return page;
}

Result<DeadPage> list_dead(const Reader& reader, std::string_view name,
                           std::optional<DeadCursor> before, std::size_t limit) {
  Result<std::optional<keys::QueueNumber>> number = number_of(reader, name);
  if (!number) return std::move(number).error();
  if (!*number) {
    return Error{.code = ErrorCode::queue_not_found,
                 .detail = "there is no queue " + std::string(name)};
  }
  DeadPage page;
  Result<record::QueueCounters> counters = counters_of(reader, **number);
  if (!counters) return std::move(counters).error();
  const int dead = static_cast<int>(TaskState::dead);
  // Nobody there: the scan would only pass over what was removed.
  if (counters->by_state_size() <= dead || counters->by_state(dead) == 0) return page;

  const std::string prefix = keys::finished_prefix(**number, keys::FinishedClass::dead);
  Range range{prefix + counters->dead_from(), storage::prefix_end(prefix), Direction::backward};
  if (before) {
    range.end = keys::finished(**number, keys::FinishedClass::dead, {before->died_at, before->id});
  }
  std::vector<keys::Finished> entries;
  Result<void> scanned =
      reader.scan(Table::finished, range, [&](std::string_view key, std::string_view) {
        entries.push_back(keys::parse_finished(key));
        return entries.size() <= limit;
      });
  if (!scanned) return std::move(scanned).error();

  QueueFacts queues(reader);
  std::size_t bytes = 0;
  for (const keys::Finished& entry : entries) {
    if (page.tasks.size() == limit || bytes >= page_bytes_max) {
      const TaskView& last = page.tasks.back();
      page.next = DeadCursor{Timestamp{last.status.finished_at()}, last.id};
      break;
    }
    Result<std::optional<TaskView>> view = load_head(reader, queues, entry.id);
    if (!view) return std::move(view).error();
    if (!*view) continue;
    if (Result<void> added = add_failures(reader, **view); !added) return std::move(added).error();
    bytes += (*view)->byte_count();
    page.tasks.push_back(std::move(**view));
  }
  return page;
}

}  // namespace quern::engine
