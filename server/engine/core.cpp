#include "engine/core.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace quern::engine {

namespace keys = storage::keys;
using storage::Table;

namespace {
// A body is kept in memory with its lease when it is no larger, so that settling reads nothing.
constexpr std::size_t held_payload_bytes_max = 512;
}  // namespace

// --- queues

Queue* Core::find_queue(std::string_view name) {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

Queue& Core::queue_at(QueueNumber number) {
  const auto found = queues_.find(number);
  if (found != queues_.end()) return *found->second;
  throw StoreFailure{
      {.code = ErrorCode::store_corrupt,
       .detail = "a task is in queue number " + std::to_string(number) + ", which is gone"}};
}

Result<void> Core::room_for_queues(std::size_t count) const {
  if (queues_.size() + count <= options.queues_max &&
      commit_.last_queue() + count <= TaskId::queue_max)
    return {};
  return Error{.code = ErrorCode::too_many_queues,
               .detail = "this server holds " + std::to_string(queues_.size()) +
                         " queues, at most " + std::to_string(options.queues_max) +
                         " are allowed; delete some that are empty",
               .retry_after_seconds = 60};
}

Queue& Core::ensure_queue(const std::string& name) {
  if (Queue* queue = find_queue(name)) return *queue;
  const QueueNumber number = commit_.last_queue() + 1;
  commit_.set_last_queue(number);
  Queue& queue =
      *queues_.emplace(number, std::make_unique<Queue>(number, name, QueueSettings{}, now.wall))
           .first->second;
  by_name_.emplace(name, &queue);
  book.open(queue);
  records.put(Table::queue_names, name, keys::queue(number));
  store_queue(queue);
  return queue;
}

void Core::store_queue(Queue& queue) {
  records.put(Table::queues, keys::queue(queue.number()), queue.to_record());
  mark(queue);
}

void Core::release_name(Queue& queue) {
  by_name_.erase(*queue.name());
  records.erase(Table::queue_names, *queue.name());
  queue.set_deleting();
  store_queue(queue);
  book.close(queue);
}

void Core::remove_queue(QueueNumber number) {
  const auto found = queues_.find(number);
  Queue& queue = *found->second;
  for (const FinishedClass c : {FinishedClass::done, FinishedClass::dead})
    schedule_sweep(queue, c, std::nullopt);
  std::erase(dirty_, &queue);
  std::erase(wake, &queue);
  std::erase(looked_enough_, &queue);
  book.forget(queue);
  records.erase(Table::queues, keys::queue(number));
  records.erase(Table::counters, keys::queue(number));
  queues_.erase(found);
}

void Core::subtract(Queue& queue, TaskState state) {
  queue.subtract(state);
  if (state == TaskState::ready && queue.count(state) == 0) queue.none_ready(newest_id());
  mark(queue);
}

void Core::wake_waiters(Queue& queue) {
  if (queue.wake_due) return;
  queue.wake_due = true;
  wake.push_back(&queue);
}

void Core::look_again_next_tick(Queue& queue) {
  if (std::exchange(queue.looked_enough, true)) return;
  looked_enough_.push_back(&queue);
}

void Core::begin_tick() {
  for (Queue* queue : std::exchange(looked_enough_, {})) {
    queue->looked_enough = false;
    if (waiters.any_on(*queue->name())) wake_waiters(*queue);
  }
}

void Core::mark(Queue& queue) {
  if (queue.dirty) return;
  queue.dirty = true;
  dirty_.push_back(&queue);
  book.note(queue);
}

void Core::schedule_sweep(Queue& queue, FinishedClass finished_class, std::optional<Timestamp> at) {
  FinishedHead& head = queue.finished(finished_class);
  if (head.sweep_at) sweeps.erase({*head.sweep_at, queue.number(), finished_class});
  head.sweep_at = at;
  if (at) sweeps.emplace(*at, queue.number(), finished_class);
}

// --- tasks

// Payloads and results are what makes an answer large.
std::size_t Core::bytes_of(const Outcome& outcome) {
  const auto large = [](const TaskView& task) {
    return task.payload().size() + task.result().size() + task.progress().size();
  };
  if (const auto* one = std::get_if<OneTask>(&outcome)) return large(one->task);
  std::size_t bytes = 0;
  if (const auto* leased = std::get_if<Leased>(&outcome)) {
    for (const TaskView& task : leased->tasks) bytes += large(task);
  }
  return bytes;
}

std::optional<Task> Core::find(const TaskId& id) {
  if (const HeldTask* held = leases.find(id)) {
    Task task{id, held->body ? held->body : records.body(id), held->status, false};
    if (task.body) return task;
    throw StoreFailure{{.code = ErrorCode::store_corrupt,
                        .detail = "task " + id.text() + " is running but has no body"}};
  }
  std::optional<record::TaskStatus> status = records.settled_status(id);
  if (!status) return find_fresh(id);
  std::shared_ptr<const record::TaskBody> body = records.body(id);
  if (!body) return std::nullopt;
  return Task{id, std::move(body), std::move(*status), false};
}

std::optional<Task> Core::find_fresh(const TaskId& id) {
  std::shared_ptr<const record::TaskBody> body = records.body(id);
  if (!body) return std::nullopt;
  record::TaskStatus status = status_as_submitted(id, *body);
  return Task{id, std::move(body), std::move(status), true};
}

std::uint32_t Core::max_attempts(const Task& task) {
  return task.body->has_max_attempts() ? task.body->max_attempts()
                                       : queue_of(task).settings().max_attempts;
}

std::optional<Duration> Core::timeout(const Task& task) {
  if (task.body->has_timeout_ms()) return Duration{task.body->timeout_ms()};
  return queue_of(task).settings().timeout;
}

TaskView Core::view(Task task, Detail detail) {
  TaskView view{.id = task.id, .queue = queue_of(task).name(), .max_attempts = max_attempts(task)};
  if (detail != Detail::brief && task.status.has_lease()) view.timeout = timeout(task);
  view.body = std::move(task.body);
  view.status = std::move(task.status);
  if (detail == Detail::brief) return view;
  if (view.status.failure_count() > 0) {
    view.failures = must(load_failures(records.staged(), view.id, view.status));
  }
  if (detail == Detail::whole) must(load_apart(records.staged(), view));
  return view;
}

TaskId Core::new_id(QueueNumber queue, std::uint8_t lane) {
  // Ids never repeat or go back: within a busy millisecond they count, and past its last number
  // they run ahead of time.
  const auto now_ms = static_cast<std::uint64_t>(now.wall.ms);
  if (now_ms > commit_.last_id_ms()) {
    commit_.set_last_id_ms(now_ms);
    commit_.set_last_id_sequence(0);
  } else if (commit_.last_id_sequence() == TaskId::sequence_max) {
    commit_.set_last_id_ms(commit_.last_id_ms() + 1);
    commit_.set_last_id_sequence(0);
  } else {
    commit_.set_last_id_sequence(commit_.last_id_sequence() + 1);
  }
  return TaskId::from({.unix_ms = commit_.last_id_ms(),
                       .sequence = commit_.last_id_sequence(),
                       .partition = options.partition,
                       .queue = queue,
                       .lane = lane,
                       .random = static_cast<std::uint32_t>(random.next())});
}

TaskId Core::newest_id() const {
  return TaskId::from({.unix_ms = commit_.last_id_ms(),
                       .sequence = commit_.last_id_sequence(),
                       .partition = options.partition});
}

Queue::Next Core::next_of(Queue& queue) {
  if (queue.settings().paused || queue.deleting()) return {};
  if (queue.looked_enough) return {.searching = true};
  return queue.next(records);
}

std::optional<QueueView> Core::view(Queue& queue) {
  if (queue.looked_enough) return std::nullopt;
  std::optional<QueueView> view = queue.view(records, now.wall);
  if (!view) look_again_next_tick(queue);
  return view;
}

void Core::enter(const TaskId& id, const Places& places) {
  Queue& queue = queue_at(places.queue);
  if (places.fresh) queue.lane(places.priority, options.window_entries).add_fresh(id);
  if (places.ready_at) {
    records.put(Table::ready, keys::ready(places.queue, places.priority, {*places.ready_at, id}),
                std::string());
    queue.lane(places.priority, options.window_entries).add_returned({*places.ready_at, id});
  }
  const auto arm = [&](const std::optional<Timestamp>& at, keys::TimerKind kind) {
    if (!at) return;
    const keys::Timer timer{*at, kind, id};
    records.put(Table::timers, keys::timer(timer), std::string());
    timers_.insert(timer);
    commit_.set_timer_count(commit_.timer_count() + 1);
    if (at->ms < commit_.timers_from()) commit_.set_timers_from(at->ms);
  };
  arm(places.start_at, keys::TimerKind::start);
  arm(places.expire_at, keys::TimerKind::expire);
  arm(places.forget_at, keys::TimerKind::forget);
  if (places.finished) {
    const auto [finished_class, at] = *places.finished;
    records.put(Table::finished, keys::finished(places.queue, finished_class, {at, id}),
                std::string());
    FinishedHead& head = queue.finished(finished_class);
    if (!head.from || std::tie(at, id) < std::tie(head.from->at, head.from->id))
      head.from = {at, id};
    if (head.swept && std::tie(at, id) < std::tie(head.swept->at, head.swept->id))
      head.sweep_again();
    const std::optional<Duration> retention = finished_class == FinishedClass::dead
                                                  ? queue.settings().dead_retention
                                                  : std::optional(queue.settings().retention);
    // Sooner than those before it when the clock was set back while the server was down.
    const bool is_next = retention && (!head.sweep_at || at + *retention < *head.sweep_at);
    if (is_next) schedule_sweep(queue, finished_class, at + *retention);
  }
  if (places.moved) {
    records.put(Table::moved, keys::moved(places.queue, id), std::string());
    queue.floor(run_moved).add(id);
  }
  if ((places.fresh || places.ready_at) && waiters.any_on(*queue.name())) wake_waiters(queue);
}

void Core::leave(const TaskId& id, const Places& places) {
  Queue& queue = queue_at(places.queue);
  if (places.fresh) queue.lane(places.priority, options.window_entries).remove_fresh(id);
  if (places.ready_at) {
    records.erase(Table::ready, keys::ready(places.queue, places.priority, {*places.ready_at, id}));
    queue.lane(places.priority, options.window_entries).remove_returned({*places.ready_at, id});
  }
  const auto disarm = [&](const std::optional<Timestamp>& at, keys::TimerKind kind) {
    if (at) drop_timer({*at, kind, id});
  };
  disarm(places.start_at, keys::TimerKind::start);
  disarm(places.expire_at, keys::TimerKind::expire);
  disarm(places.forget_at, keys::TimerKind::forget);
  if (places.finished) {
    records.erase(Table::finished, keys::finished(places.queue, places.finished->finished_class,
                                                  {places.finished->at, id}));
  }
  if (places.moved) {
    lift_floor(queue, run_moved, id);
    records.erase(Table::moved, keys::moved(places.queue, id));
  }
  if (places.running) {
    records.erase(Table::running, keys::id(id));
    leases.erase(id);
  }
}

void Core::add(const Task& task) {
  Queue& queue = queue_of(task);
  queue.add(task.state());
  ++queue.tally().submitted;
  mark(queue);
  const record::TaskBody& body = *task.body;
  records.put_body(task.id, task.body);
  if (!body.idempotency_key().empty()) {
    records.put(Table::keys, keys::idempotency(queue.number(), body.idempotency_key()),
                std::string(task.id.view()));
  }
  if (!body.correlation_id().empty()) {
    records.put(Table::correlation, keys::correlation(body.correlation_id(), task.id),
                std::string());
  }
  enter(task.id, places_of(task.id, body, task.status, true));
}

void Core::move(Task& task, record::TaskStatus next) {
  Queue& from = queue_of(task);
  count_move(task, next, from);
  Places before = places_of(task.id, *task.body, task.status, task.as_submitted);
  Places after = places_of(task.id, *task.body, next, false);
  // The one entry that most transitions leave where it is.
  const bool stays_moved = before.moved && after.moved && before.queue == after.queue;
  if (stays_moved) before.moved = after.moved = false;
  leave(task.id, before);
  subtract(from, task.state());

  task.status = std::move(next);
  task.as_submitted = false;
  Queue& to = queue_of(task);
  to.add(task.state());
  mark(to);
  enter(task.id, after);
  if (after.running) {
    records.put(Table::running, keys::id(task.id), task.status);
    const bool keep_body =
        !task.body->payload_apart() && task.body->payload().size() <= held_payload_bytes_max;
    leases.put(task.id, held_task(keep_body ? task.body : nullptr, task.status, now));
  } else {
    records.put(Table::status, keys::id(task.id), task.status);
  }
  if (is_terminal(task.state())) {
    for (const Ticket ticket : waiters.take_waiting_for(task.id)) reply(ticket, Done{});
  }
}

// `id` is about to leave the run: perhaps it was the first.
void Core::lift_floor(Queue& queue, std::size_t run, const TaskId& id) {
  queue.floor(run).remove(id, [&](const std::optional<TaskId>& from, std::size_t count_max) {
    const Run ids = run_at(queue.number(), run);
    std::vector<TaskId> found;
    for (const std::string& key :
         records.scan_keys(ids.table, {from ? ids.key(*from) : ids.prefix, ids.end()}, count_max)) {
      found.push_back(keys::trailing_id(key));
    }
    return found;
  });
  mark(queue);
}

void Core::remove(const Task& task, Removal reason) {
  Queue& queue = queue_of(task);
  ++queue.tally().removed[static_cast<std::size_t>(reason)];
  leave(task.id, places_of(task.id, *task.body, task.status, task.as_submitted));
  subtract(queue, task.state());
  if (has_queue(task.id.queue())) lift_floor(queue_at(task.id.queue()), task.id.lane(), task.id);
  records.erase(Table::tasks, keys::task(task.id));
  if (!task.as_submitted) records.erase(Table::status, keys::id(task.id));
  if (task.body->payload_apart())
    records.erase(Table::blobs, keys::blob(task.id, keys::BlobKind::payload));
  if (task.status.result_apart())
    records.erase(Table::blobs, keys::blob(task.id, keys::BlobKind::result));
  if (task.status.progress_apart())
    records.erase(Table::blobs, keys::blob(task.id, keys::BlobKind::progress));
  const std::uint32_t failures = task.status.failure_count();
  const auto kept = static_cast<std::uint32_t>(limits::failures_kept_max);
  for (std::uint32_t n = failures > kept ? failures - kept : 0; n < failures; ++n) {
    records.erase(Table::failures, keys::failure(task.id, n));
  }
  const std::string& key = task.body->idempotency_key();
  if (!key.empty()) {
    // A newer task may have taken the key over after its window.
    const std::string stored = keys::idempotency(task.id.queue(), key);
    std::string holder;
    if (records.get(Table::keys, stored, holder) && holder == task.id.view())
      records.erase(Table::keys, stored);
  }
  if (!task.body->correlation_id().empty()) {
    records.erase(Table::correlation, keys::correlation(task.body->correlation_id(), task.id));
  }
  for (const Ticket ticket : waiters.take_waiting_for(task.id)) reply(ticket, Done{});
}

// --- what a tick works on

const keys::Timer* Core::next_timer() {
  return timers_.head([this](const keys::Timer& from, const std::optional<keys::Timer>& after,
                             std::size_t count_max, std::vector<keys::Timer>& out) {
    records.scan_timers(from, after, count_max, out);
  });
}

void Core::drop_timer(const keys::Timer& timer) {
  records.erase(Table::timers, keys::timer(timer));
  timers_.erase(timer);
  commit_.set_timer_count(commit_.timer_count() - 1);
  // Whatever lies behind the window was disarmed: nobody need look.
  if (commit_.timer_count() == 0) {
    timers_ = HeadWindow<keys::Timer>(options.window_entries, std::nullopt);
  }
}

std::optional<Steady> Core::next_deadline() const {
  const bool busy =
      !jobs.empty() || !wake.empty() || !looked_enough_.empty() || book.any_head_due();
  if (busy || timers_.unknown_head()) return now.steady;
  std::optional<Steady> next = leases.next_deadline();
  const auto earliest = [&next](std::optional<Steady> other) {
    if (other && (!next || *other < *next)) next = other;
  };
  earliest(waiters.next_deadline());
  // Wall-clock instants, seen from now. A jump of the wall clock only makes the look come early or
  // late, not wrong: the loop looks at least once a second.
  const auto at = [this](Timestamp wall) {
    return now.steady + std::max(wall - now.wall, Duration{0});
  };
  if (const keys::Timer* timer = timers_.known_head()) earliest(at(timer->due));
  if (!sweeps.empty()) earliest(at(std::get<Timestamp>(*sweeps.begin())));
  return next;
}

void Core::stage_commit() {
  for (Queue* queue : dirty_) {
    queue->dirty = false;
    records.put(Table::counters, keys::queue(queue->number()), queue->to_counters());
  }
  dirty_.clear();
  if (records.staged().empty()) return;
  commit_.set_sequence(commit_.sequence() + 1);
  if (const keys::Timer* timer = timers_.known_head()) commit_.set_timers_from(timer->due.ms);
  records.put(Table::meta, std::string(keys::last_commit), commit_);
}

}  // namespace quern::engine
