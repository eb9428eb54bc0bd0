#include "engine/lane.h"

#include <algorithm>

#include "engine/records.h"

namespace quern::engine {

namespace {
// One look goes over at most so many windows' worth of tasks, so that the rest of the server does
// not wait long.
constexpr std::size_t refill_windows_max = 4;
}  // namespace

Lane::Lane(std::uint32_t queue, std::uint32_t priority, std::size_t window_entries, bool from_disk,
           const Cursor& cursor)
    : queue_(queue),
      priority_(priority),
      window_entries_(window_entries),
      refill_entries_(std::min(window_entries, first_load_entries)),
      cursor_(cursor),
      fresh_more_on_disk_(from_disk),
      fresh_seen_(cursor.fresh_done),
      returned_(window_entries, from_disk ? cursor.returned_from : std::nullopt) {}

void Lane::add_fresh(const TaskId& id) {
  if (fresh_more_on_disk_) return;
  if (fresh_.size() - fresh_at_ >= 2 * window_entries_) {
    fresh_more_on_disk_ = true;
    return;
  }
  fresh_.push_back(id);
  fresh_seen_ = id;
}

void Lane::remove_fresh(const TaskId& id) {
  if (fresh_at_ < fresh_.size() && fresh_[fresh_at_] == id) {
    ++fresh_at_;
    cursor_.fresh_done = id;
    // Taken ids are dropped in bulk, so that a pop is cheap and the vector does not grow for ever.
    if (fresh_at_ == fresh_.size() || fresh_at_ >= window_entries_) {
      fresh_.erase(fresh_.begin(), fresh_.begin() + static_cast<std::ptrdiff_t>(fresh_at_));
      fresh_at_ = 0;
    }
    return;
  }
  const auto first = fresh_.begin() + static_cast<std::ptrdiff_t>(fresh_at_);
  const auto found = std::lower_bound(first, fresh_.end(), id);
  if (found != fresh_.end() && *found == id) fresh_.erase(found);
}

void Lane::add_returned(const ReadyEntry& entry) {
  if (!cursor_.returned_from || entry < *cursor_.returned_from) cursor_.returned_from = entry;
  returned_.insert(entry);
}

void Lane::remove_returned(const ReadyEntry& entry) {
  const ReadyEntry* head = returned_.known_head();
  if (head != nullptr && *head == entry) cursor_.returned_from = entry;
  returned_.erase(entry);
}

void Lane::clear(const TaskId& newest) {
  fresh_.clear();
  fresh_at_ = 0;
  fresh_more_on_disk_ = false;
  // The greatest id that this lane can hold by now.
  cursor_.fresh_done = TaskId::from({.unix_ms = newest.unix_ms(),
                                     .sequence = newest.sequence(),
                                     .partition = newest.partition(),
                                     .queue = queue_,
                                     .lane = static_cast<std::uint8_t>(priority_),
                                     .random = ~std::uint32_t{0}});
  fresh_seen_ = cursor_.fresh_done;
  cursor_.returned_from.reset();
  returned_ = HeadWindow<ReadyEntry>(window_entries_, std::nullopt);
}

void Lane::refill_fresh(const Records& records) {
  for (std::size_t examined_all = 0; examined_all < refill_windows_max * window_entries_;) {
    if (fresh_at_ < fresh_.size() || !fresh_more_on_disk_) return;
    fresh_.clear();
    fresh_at_ = 0;
    const std::size_t wanted = refill_entries_;
    refill_entries_ = std::min(2 * wanted, window_entries_);
    const std::size_t examined = records.scan_fresh(queue_, priority_, fresh_seen_, wanted,
                                                    [this](const TaskId& id, bool fresh) {
                                                      fresh_seen_ = id;
                                                      if (fresh) fresh_.push_back(id);
                                                      // The next process need not pass here again.
                                                      if (fresh_.empty()) cursor_.fresh_done = id;
                                                    });
    fresh_more_on_disk_ = examined == wanted;
    examined_all += examined;
  }
}

Lane::Head Lane::head(const Records& records) {
  refill_fresh(records);
  const TaskId* fresh = fresh_at_ < fresh_.size() ? &fresh_[fresh_at_] : nullptr;
  // What was returned may not go before a fresh one that is still to be found.
  if (fresh == nullptr && fresh_more_on_disk_) return {.searching = true};
  const ReadyEntry* returned =
      returned_.head([&](const ReadyEntry& from, const std::optional<ReadyEntry>& after,
                         std::size_t count_max, std::vector<ReadyEntry>& out) {
        records.scan_ready(queue_, priority_, from, after, count_max, out);
      });
  if (fresh != nullptr) {
    const ReadyEntry first{fresh_ready_at(*fresh), *fresh};
    if (returned == nullptr || first < *returned) return {.entry = first, .fresh = true};
  }
  if (returned == nullptr) return {};
  return {.entry = *returned};
}

}  // namespace quern::engine
