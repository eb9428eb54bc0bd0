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

class Outbox {
 public:
  void add(Settlement item) { items_.push_back(std::move(item)); }
  // What could not be delivered goes first the next time.
  void put_back(std::vector<Settlement> items) {
    items_.insert(items_.begin(), std::make_move_iterator(items.begin()),
                  std::make_move_iterator(items.end()));
  }
  // As many as fit into one request.
  std::vector<Settlement> take() {
    std::vector<Settlement> batch;
    for (std::size_t bytes = 0; !items_.empty() && batch.size() < items_max && bytes < bytes_max;) {
      bytes += items_.front().result.size() + items_.front().error.message.size();
      batch.push_back(std::move(items_.front()));
      items_.pop_front();
    }
    return batch;
  }
  bool empty() const { return items_.empty(); }
  std::size_t size() const { return items_.size(); }

 private:
  static constexpr std::size_t items_max = 1'000;
  // A quarter of a request's limit; the last item may go beyond by its own size, at most 1 MiB.
  static constexpr std::size_t bytes_max = 4 * 1024 * 1024;

  std::deque<Settlement> items_;
};

}  // namespace quern
