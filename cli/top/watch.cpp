#include "top/watch.h"

#include <algorithm>
#include <utility>

namespace quern::cli {
namespace {

std::uint64_t finished(const QueueCounts& counts) {
  return counts.dead + counts.succeeded + counts.cancelled;
}
std::uint64_t all(const QueueCounts& counts) { return counts.unfinished() + finished(counts); }

double rate(std::uint64_t before, std::uint64_t now, double seconds) {
  return now > before ? static_cast<double>(now - before) / seconds : 0;
}

}  // namespace

void Watch::run_until(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    look();
    std::unique_lock lock(mutex_);
    if (error_) return;
    wake_.wait_for(lock, stop, interval_, [] { return false; });
  }
}

Snapshot Watch::snapshot() {
  const std::lock_guard lock(mutex_);
  Snapshot seen = snapshot_;
  seen.age = std::chrono::duration_cast<Duration>(Clock::now() - looked_at_);
  return seen;
}

std::optional<ApiError> Watch::error() {
  const std::lock_guard lock(mutex_);
  return error_;
}

void Watch::look() {
  std::vector<Queue> queues;
  std::optional<ApiError> failed;
  try {
    PageOptions page{.limit = 1'000};
    do {
      auto answer = client_.queues(page);
      for (Queue& queue : answer.items) queues.push_back(std::move(queue));
      page.cursor = answer.next_cursor;
    } while (!page.cursor.empty());
  } catch (const ApiError& error) {
    failed = error;
  }
  const std::lock_guard lock(mutex_);
  snapshot_.trouble = failed ? failed->detail() : "";
  snapshot_.refused = failed && !failed->is_transient();
  if (!failed) return take(std::move(queues));
  // Later it may be a proxy in front of a server that starts again, or a token that is renewed.
  if (snapshot_.refused && !snapshot_.any) error_ = failed;
}

void Watch::take(std::vector<Queue> queues) {
  const auto now = Clock::now();
  const double seconds = std::max(std::chrono::duration<double>(now - looked_at_).count(), 0.001);
  std::map<std::string, QueueCounts> counts;
  std::vector<QueueRow> rows;
  for (Queue& queue : queues) {
    counts[queue.name] = queue.counts;
    QueueRow row{.queue = std::move(queue)};
    if (const auto before = counts_.find(row.queue.name); before != counts_.end()) {
      row.submitted_per_second = rate(all(before->second), all(row.queue.counts), seconds);
      row.finished_per_second = rate(finished(before->second), finished(row.queue.counts), seconds);
    }
    rows.push_back(std::move(row));
  }
  looked_at_ = now;
  counts_ = std::move(counts);
  snapshot_.rows = std::move(rows);
  snapshot_.any = true;
}

}  // namespace quern::cli
