#include "engine/queue.h"

#include <algorithm>
#include <cassert>

#include "engine/records.h"
#include "engine/task_record.h"

namespace quern::engine {

namespace keys = storage::keys;

namespace {

// Cursors are stored as the tail of the keys that they compare with.
std::string tail(Timestamp at, const TaskId& id) {
  // The ready key of queue 0 and highest priority is a fixed prefix of five bytes before the time
  // and the id.
  return keys::ready(0, limits::priority_max, {at, id}).substr(5);
}

std::optional<keys::Ready> parse_tail(const std::string& bytes) {
  if (bytes.empty()) return std::nullopt;
  return keys::parse_ready(std::string(5, '\0') + bytes);
}

}  // namespace

Queue::Queue(QueueNumber number, std::string name, const QueueSettings& settings,
             Timestamp created_at)
    : number_(number),
      name_(std::make_shared<const std::string>(std::move(name))),
      settings_(settings),
      created_at_(created_at) {}

Queue::Queue(QueueNumber number, const record::QueueRecord& stored,
             const record::QueueCounters& counters, std::size_t window_entries)
    : Queue(number, stored.name(), settings_from(stored.settings()),
            Timestamp{stored.created_at()}) {
  deleting_ = stored.deleting();
  for (int i = 0; i < counters.by_state_size() && i < static_cast<int>(task_state_count); ++i) {
    counts_[static_cast<std::size_t>(i)] = counters.by_state(i);
  }
  // The lanes are made even where nothing is ready now: their cursors say where to look from when
  // something is.
  for (std::uint32_t p = 0; p <= limits::priority_max; ++p) {
    Lane::Cursor cursor;
    const int i = static_cast<int>(p);
    if (i < counters.lane_done_size() && !counters.lane_done(i).empty()) {
      cursor.fresh_done = TaskId::from_bytes(counters.lane_done(i));
    }
    if (i < counters.ready_from_size()) {
      if (const auto from = parse_tail(counters.ready_from(i))) {
        cursor.returned_from = ReadyEntry{from->ready_at, from->id};
      }
    }
    const bool some_ready = count(TaskState::ready) > 0;
    if (!some_ready && !cursor.fresh_done && !cursor.returned_from) continue;
    lanes_[p] = std::make_unique<Lane>(number, p, window_entries, some_ready, cursor);
  }
  if (const auto from = parse_tail(counters.done_from()))
    finished_[0].from = {from->ready_at, from->id};
  if (const auto from = parse_tail(counters.dead_from()))
    finished_[1].from = {from->ready_at, from->id};
  for (std::size_t run = 0; run < run_count; ++run) floors_[run] = Floor(run_from(counters, run));
}

std::uint64_t Queue::unfinished() const {
  return count(TaskState::blocked) + count(TaskState::scheduled) + count(TaskState::ready) +
         count(TaskState::running) + count(TaskState::retrying);
}

void Queue::subtract(TaskState state) {
  std::uint64_t& n = counts_[static_cast<std::size_t>(state)];
  assert(n > 0);
  --n;
}

Lane& Queue::lane(std::uint32_t priority, std::size_t window_entries) {
  std::unique_ptr<Lane>& lane = lanes_[priority];
  if (!lane)
    lane = std::make_unique<Lane>(number_, priority, window_entries, false, Lane::Cursor{});
  return *lane;
}

void Queue::none_ready(const TaskId& newest) {
  for (const auto& lane : lanes_) {
    if (lane) lane->clear(newest);
  }
}

Queue::Next Queue::next(const Records& records) {
  if (count(TaskState::ready) == 0) return {};
  for (std::uint32_t priority = limits::priority_max + 1; priority-- > 0;) {
    if (!lanes_[priority]) continue;
    const Lane::Head head = lanes_[priority]->head(records);
    if (head.searching) return {.searching = true};
    if (head.entry) return {.head = Head{priority, *head.entry, head.fresh}};
  }
  return {};
}

record::QueueRecord Queue::to_record() const {
  record::QueueRecord stored;
  stored.set_name(*name_);
  *stored.mutable_settings() = record_from(settings_);
  stored.set_deleting(deleting_);
  stored.set_created_at(created_at_.ms);
  return stored;
}

record::QueueCounters Queue::to_counters() const {
  record::QueueCounters stored;
  for (const std::uint64_t n : counts_) stored.add_by_state(n);
  for (const auto& lane : lanes_) {
    const Lane::Cursor cursor = lane ? lane->cursor() : Lane::Cursor{};
    stored.add_lane_done(cursor.fresh_done ? std::string(cursor.fresh_done->view())
                                           : std::string());
    stored.add_ready_from(cursor.returned_from
                              ? tail(cursor.returned_from->ready_at, cursor.returned_from->id)
                              : std::string());
  }
  if (finished_[0].from) stored.set_done_from(tail(finished_[0].from->at, finished_[0].from->id));
  if (finished_[1].from) stored.set_dead_from(tail(finished_[1].from->at, finished_[1].from->id));
  for (const Floor& floor : floors_) {
    stored.add_run_from(floor.from() ? std::string(floor.from()->view()) : std::string());
  }
  return stored;
}

Queue::Oldest Queue::oldest_ready(const Records& records) {
  Oldest oldest;
  if (count(TaskState::ready) == 0) return oldest;
  for (const auto& lane : lanes_) {
    if (!lane) continue;
    const Lane::Head head = lane->head(records);
    if (head.searching) return {.searching = true};
    if (!head.entry) continue;
    if (!oldest.ready_at || head.entry->ready_at < *oldest.ready_at) {
      oldest.ready_at = head.entry->ready_at;
    }
  }
  return oldest;
}

std::optional<QueueView> Queue::view(const Records& records, Timestamp now) {
  QueueView view{.name = *name_, .settings = settings_, .counts = counts_, .oldest_ready_age = {}};
  const Oldest oldest = oldest_ready(records);
  if (oldest.searching) return std::nullopt;
  if (oldest.ready_at) view.oldest_ready_age = std::max(now - *oldest.ready_at, Duration{0});
  return view;
}

}  // namespace quern::engine
