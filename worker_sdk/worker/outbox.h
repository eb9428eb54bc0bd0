// Reports that still have to reach the server, in order.
//
// Threads  guarded by Pool's mutex.
#pragma once

#include <cstddef>
#include <deque>
#include <iterator>
#include <utility>
#include <vector>

#include "quern/client.h"

namespace quern {

// What goes into one request: no more than the server surely takes.
class Report {
 public:
  bool full() const { return items_.size() >= items_max || bytes_ >= bytes_max; }
  bool empty() const { return items_.empty(); }
  std::size_t size() const { return items_.size(); }

  void add(Settlement item) {
    bytes_ += item.result.size() + item.progress.size() + item.error.message.size() +
              item.error.details.size();
    items_.push_back(std::move(item));
  }
  std::vector<Settlement> take() && { return std::move(items_); }

 private:
  static constexpr std::size_t items_max = 1'000;
  // A quarter of a request's limit; the last item may go beyond by its own size, at most 1 MiB.
  static constexpr std::size_t bytes_max = 4 * 1024 * 1024;

  std::vector<Settlement> items_;
  std::size_t bytes_ = 0;
};

class Outbox {
 public:
  void add(Settlement item) { items_.push_back(std::move(item)); }
  // What could not be delivered goes first the next time.
  void put_back(std::vector<Settlement> items) {
    items_.insert(items_.begin(), std::make_move_iterator(items.begin()),
                  std::make_move_iterator(items.end()));
  }
  // As many as fit into one request.
  Report take() {
    Report report;
    while (!items_.empty() && !report.full()) {
      report.add(std::move(items_.front()));
      items_.pop_front();
    }
    return report;
  }
  bool empty() const { return items_.empty(); }

 private:
  std::deque<Settlement> items_;
};

}  // namespace quern
