// The head of an ordered table, in memory: what comes next is here, the rest is on disk.
//
// Shape    all entries up to a bound are in the window; behind the bound they are only on disk. The
// bound moves forward
//          when the window is used up and refilled, so no scan ever passes over what was already
//          taken (on an LSM tree that would be a scan over tombstones).
// Threads  none: the engine's.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <set>
#include <vector>

namespace quern::engine {

// What the first look at a table reads. Each further one reads twice as much, up to the window's
// size: a look at one head among thousands is cheap, and a head in use is read in bulk.
inline constexpr std::size_t first_load_entries = 16;

template <typename Entry>
class HeadWindow {
 public:
  // Starts empty, with everything from `from` on on disk; or knowing that there is nothing on disk
  // at all.
  HeadWindow(std::size_t entries_max, std::optional<Entry> from)
      : entries_max_(entries_max),
        load_entries_(std::min(entries_max, first_load_entries)),
        more_on_disk_(from.has_value()),
        from_(from.value_or(Entry{})) {}

  // Tells the window of an entry that was staged. Not more than a size: behind the bound it is left
  // to the disk.
  void insert(const Entry& entry) {
    if (more_on_disk_ && !bound_) {
      if (entry < from_) from_ = entry;
      return;
    }
    if (more_on_disk_ && *bound_ < entry) return;
    entries_.insert(entry);
    if (entries_.size() > 2 * entries_max_) give_back_tail();
  }

  void erase(const Entry& entry) { entries_.erase(entry); }

  // The first entry, or null when there is none at all. `load(from, after, count_max, out)` appends
  // up to count_max entries in order to `out`: those behind `after` when it is set, else those from
  // `from` on.
  template <typename Load>
  const Entry* head(Load&& load) {
    while (entries_.empty() && more_on_disk_) {
      std::vector<Entry> loaded;
      const std::size_t wanted = load_entries_;
      load_entries_ = std::min(2 * wanted, entries_max_);
      load(from_, bound_, wanted, loaded);
      more_on_disk_ = loaded.size() == wanted;
      if (!loaded.empty()) bound_ = loaded.back();
      if (!more_on_disk_) bound_.reset();
      entries_.insert(loaded.begin(), loaded.end());
    }
    return entries_.empty() ? nullptr : &*entries_.begin();
  }

  // The first entry that is in memory; null also when only the disk knows.
  const Entry* known_head() const { return entries_.empty() ? nullptr : &*entries_.begin(); }
  bool unknown_head() const { return entries_.empty() && more_on_disk_; }

 private:
  void give_back_tail() {
    while (entries_.size() > entries_max_) entries_.erase(std::prev(entries_.end()));
    bound_ = *entries_.rbegin();
    more_on_disk_ = true;
  }

  std::size_t entries_max_;
  std::size_t load_entries_;  // grows to entries_max_ with use
  bool more_on_disk_;
  Entry from_;  // nothing on disk lies before it
  std::optional<Entry>
      bound_;  // everything up to here is in entries_; set once something was loaded or given back
  std::set<Entry> entries_;
};

}  // namespace quern::engine
