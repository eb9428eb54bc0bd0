#include "quern/storage/staged.h"

#include <cassert>
#include <iterator>
#include <utility>

namespace quern::storage {
namespace {

using Writes = std::map<std::string, std::optional<std::string>, std::less<>>;

// Puts staged entries between those of the base as they come by. `It` runs in the scan's direction
// and `before(a, b)` is that direction's order.
template <typename It, typename Before>
class Merge {
 public:
  Merge(It next, It end, Before before, const Reader::Visitor& visit)
      : next_(next), end_(end), before_(before), visit_(visit) {}

  // An entry of the base is next: false when the visitor wants no more.
  bool base(std::string_view key, std::string_view value) {
    while (next_ != end_ && before_(next_->first, key)) {
      if (!staged()) return false;
    }
    if (next_ != end_ && next_->first == key) return staged();  // it hides the base's
    return visit_(key, value);
  }

  // The base has no more.
  void rest() {
    while (next_ != end_) {
      if (!staged()) return;
    }
  }

 private:
  bool staged() {
    const auto& [key, value] = *next_;
    ++next_;
    return !value || visit_(key, *value);
  }

  It next_;
  It end_;
  Before before_;
  const Reader::Visitor& visit_;
};

template <typename It, typename Before>
Result<void> merge_scan(const Reader& base, Table table, const Range& range, It begin, It end,
                        Before before, const Reader::Visitor& visit) {
  Merge<It, Before> merge(begin, end, before, visit);
  bool stopped = false;
  Result<void> scanned = base.scan(table, range, [&](std::string_view key, std::string_view value) {
    stopped = !merge.base(key, value);
    return !stopped;
  });
  if (scanned && !stopped) merge.rest();
  return scanned;
}

}  // namespace

void Staged::put(Table table, std::string key, std::string value) {
  set(table, std::move(key), std::move(value));
}

void Staged::erase(Table table, std::string key) { set(table, std::move(key), std::nullopt); }

void Staged::set(Table table, std::string key, std::optional<std::string> value) {
  const std::size_t index = static_cast<std::size_t>(table);
  assert(index < writes_.size());
  byte_count_ += value ? value->size() : 0;
  const auto [it, added] = writes_[index].try_emplace(std::move(key));
  if (added) {
    ++count_;
    byte_count_ += it->first.size();
  } else {
    byte_count_ -= it->second ? it->second->size() : 0;
  }
  it->second = std::move(value);
}

Result<bool> Staged::get(Table table, std::string_view key, std::string& value) const {
  const Writes& writes = writes_[static_cast<std::size_t>(table)];
  const auto it = writes.find(key);
  if (it == writes.end()) return base_.get(table, key, value);
  if (!it->second) return false;
  value = *it->second;
  return true;
}

Result<void> Staged::scan(Table table, const Range& range, const Visitor& visit) const {
  if (!range.end.empty() && range.end <= range.begin) return {};
  const Writes& writes = writes_[static_cast<std::size_t>(table)];
  const auto begin = writes.lower_bound(range.begin);
  const auto end = range.end.empty() ? writes.end() : writes.lower_bound(range.end);
  if (begin == end) return base_.scan(table, range, visit);
  if (range.direction == Direction::forward) {
    return merge_scan(base_, table, range, begin, end, std::less<std::string_view>(), visit);
  }
  return merge_scan(base_, table, range, std::make_reverse_iterator(end),
                    std::make_reverse_iterator(begin), std::greater<std::string_view>(), visit);
}

Batch Staged::take() {
  Batch batch;
  batch.writes.reserve(count_);
  for (std::size_t index = 0; index < writes_.size(); ++index) {
    Writes& writes = writes_[index];
    while (!writes.empty()) {
      auto node = writes.extract(writes.begin());  // so that its key can be moved
      batch.writes.push_back({.table = static_cast<Table>(index),
                              .key = std::move(node.key()),
                              .value = std::move(node.mapped())});
    }
  }
  count_ = 0;
  byte_count_ = 0;
  return batch;
}

}  // namespace quern::storage
