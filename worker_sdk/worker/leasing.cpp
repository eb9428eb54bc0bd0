#include <algorithm>
#include <utility>

#include "worker/pool.h"

namespace quern {
namespace {

// While tasks keep coming, a lease call waits at most so long for more slots to become free:
// handlers that end at once would otherwise make calls for a task or two each.
constexpr Duration slots_linger{1};

// However long a pause the server asks for, it is looked at again within 30 seconds: this, and the
// half of it that Backoff may add.
constexpr Duration retry_after_max{20'000};

}  // namespace

using std::chrono::steady_clock;

std::optional<Error> Pool::lease_until_stopped() {
  sdk::Backoff backoff(Duration{100}, Duration{5'000});
  bool answered = false;
  bool quiet = false;  // the last answer brought nothing
  while (auto request = next_lease(quiet)) {
    const SteadyTime asked_at = steady_clock::now();
    try {
      LeaseAnswer answer = own_client_.lease(*request, stopping_.get_token());
      answered = true;
      server_answered();
      quiet = answer.tasks.empty();
      begin(std::move(answer.tasks), asked_at);
      settled(request->settle, answer.settled, asked_at);
      // A server that ends a long poll at once, as one that is draining does, is not asked at once
      // again.
      if (quiet && steady_clock::now() - asked_at < request->wait / 2) {
        pause_leasing(backoff.next());
      } else {
        backoff.reset();
      }
    } catch (const ApiError& error) {
      if (!answered && is_refusal(error.code())) return error.error();
      if (!stopping_.stop_requested()) server_failed(error.error());
      if (is_refusal(error.code()) && !request->settle.empty()) {
        report(std::move(request->settle));  // perhaps one of them is the cause
      } else {
        undelivered(std::move(request->settle));
      }
      pause_leasing(backoff.next(std::min(error.retry_after(), retry_after_max)));
    }
  }
  return std::nullopt;
}

void Pool::pause_leasing(Duration time) {
  std::unique_lock lock(mutex_);
  parked_ = true;
  report_wake_.notify_one();
  lease_wake_.wait_for(lock, time, [this] { return stopping_.stop_requested(); });
}

// Waits until there is room for a task. nullopt: stop. `quiet`: the last call found nothing, so
// that the next one may as well wait at the server.
std::optional<LeaseRequest> Pool::next_lease(bool quiet) {
  std::unique_lock lock(mutex_);
  parked_ = false;
  const auto enough_free = [this] {
    return stopping_.stop_requested() || attempts_.size() <= lease_when_;
  };
  lease_when_ = options_.concurrency - 1;
  lease_wake_.wait(lock, enough_free);
  if (!quiet) {
    lease_when_ = options_.concurrency / 4;
    lease_wake_.wait_for(lock, slots_linger, enough_free);
  }
  if (stopping_.stop_requested()) return std::nullopt;
  LeaseRequest request{
      .queues = options_.queues,
      .max_tasks = static_cast<std::uint32_t>(options_.concurrency - attempts_.size()),
      .lease = options_.lease,
      .worker_id = options_.worker_id,
      .settle = outbox_.take()};
  in_flight_ += request.settle.size();
  if (quiet && request.settle.empty()) {
    request.wait = options_.wait;
    parked_ = true;
  }
  return request;
}

// A lease that is shorter than what we asked for was cut by the attempt's time-out. When it was
// granted is known by the server's clock: at the first start, or not before the task was due.
void Pool::expect_timeout(Attempt& attempt, SteadyTime now) const {
  const Task& task = attempt.task;
  Timestamp granted = task.created_at;
  if (task.started_at) granted = std::max(granted, *task.started_at);
  if (task.run_at) granted = std::max(granted, *task.run_at);
  const Duration length = task.lease->expires_at - granted;
  if (length <= Duration{0} || length + clock_tolerance >= options_.lease) return;
  attempt.stop_at = now + length - std::min(timeout_notice, length / 4);
}

void Pool::begin(std::vector<Task> tasks, SteadyTime asked_at) {
  const std::lock_guard lock(mutex_);
  parked_ = false;
  stats_.leased += tasks.size();
  SteadyTime due = SteadyTime::max();
  for (Task& task : tasks) {
    if (!task.lease) continue;
    auto attempt = std::make_shared<Attempt>(std::move(task));
    // The lease runs from when the server granted it, which was after we asked: so this is early.
    // A long poll makes it much too early; but then it was granted just now.
    const SteadyTime granted_at = std::max(asked_at, steady_clock::now() - Duration{1'000});
    attempt->end_seen = steady_clock::now() + options_.lease;
    attempt->lease_until = granted_at + options_.lease;
    attempt->heartbeat_at = granted_at;
    attempt->heartbeat_due = granted_at + options_.heartbeat;
    expect_timeout(*attempt, steady_clock::now());
    due = std::min({due, attempt->heartbeat_due, attempt->stop_at});
    unstarted_.push_back(attempt);
    attempts_.emplace(attempt->task.lease->token, std::move(attempt));
  }
  wake_handler();
  if (due < report_at_) report_wake_.notify_one();
}

}  // namespace quern
