#include <algorithm>
#include <utility>

#include "quern/protocol/limits.h"
#include "worker/pool.h"

namespace quern {
namespace {

// While tasks keep coming, a lease call waits at most so long for more slots to become free:
// handlers that end at once would otherwise make calls for a task or two each.
constexpr Duration slots_linger{1};

// However long a pause the server asks for, it is looked at again within 30 seconds: this, and the
// half of it that Backoff may add.
constexpr Duration retry_after_max{20'000};

// Between two looks for tasks, at a server that allows no long polls or only very short ones.
constexpr Duration poll_interval{250};

// So long before its attempt's time-out a handler is asked to stop.
constexpr Duration timeout_notice{1'000};

}  // namespace

using std::chrono::steady_clock;

std::optional<Error> Pool::lease_until_stopped() {
  sdk::Backoff backoff(Duration{100}, Duration{5'000});
  bool answered = false;
  bool quiet = false;  // the last answer brought nothing
  while (auto request = next_lease(quiet)) {
    const SteadyTime asked_at = steady_clock::now();
    const bool long_poll = quiet && request->settle.empty();
    try {
      LeaseAnswer answer = own_client_.lease(*request, stopping_.get_token());
      answered = true;
      server_answered();
      quiet = answer.tasks.empty();
      begin(std::move(answer.tasks), *request, asked_at);
      settled(request->settle, answer.settled, asked_at);
      const auto took = steady_clock::now() - asked_at;
      // A server that ends a long poll at once, as one that is draining does, is not asked at once
      // again.
      if (quiet && took < request->wait / 2) {
        pause_leasing(backoff.next());
      } else {
        backoff.reset();
        if (quiet && long_poll && took < poll_interval) {
          pause_leasing(std::chrono::ceil<Duration>(poll_interval - took));
        }
      }
    } catch (const ApiError& error) {
      if (learn_limits(*request, error.error())) {
        undelivered(std::move(request->settle));
        continue;
      }
      if (!answered && is_refusal(error.code())) return error.error();
      if (!stopping_.stop_requested()) server_failed(error.error());
      if (error.code() == ErrorCode::unreachable) {
        const std::lock_guard lock(mutex_);
        portion_.timed_out();
      }
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

// Whether `refused` asked for more than the server's own limits allow, which may be lower than most
// and, after a restart, than they were. If so they are kept from now on.
bool Pool::learn_limits(const LeaseRequest& refused, const Error& error) {
  const bool over_a_limit = std::ranges::any_of(error.fields, [](const FieldError& field) {
    return field.pointer == "/wait_ms" || field.pointer == "/max_tasks";
  });
  if (!over_a_limit) return false;
  ServerLimits server;
  try {
    server = own_client_.info().limits;
  } catch (const ApiError&) {
    return false;
  }
  const std::lock_guard lock(mutex_);
  lease_tasks_max_ = std::clamp<std::size_t>(server.lease_tasks_max, 1, limits::lease_tasks_max);
  wait_max_ = std::clamp(server.wait_max, Duration{0}, limits::wait_max);
  return refused.max_tasks > lease_tasks_max_ || refused.wait > wait_max_;
}

void Pool::pause_leasing(Duration time) {
  std::unique_lock lock(mutex_);
  parked_ = true;
  report_wake_.notify_one();
  lease_wake_.wait_for(lock, time, [this] { return stopping_.stop_requested(); });
}

// So long a call may take: when it hangs, two more heartbeats fit into the shortest lease.
Duration Pool::call_timeout() const {
  Duration shortest = options_.lease.value_or(lease_seen_);
  if (!options_.lease) {
    for (const auto& [token, attempt] : attempts_) shortest = std::min(shortest, attempt->length);
  }
  return std::max(shortest / 3, Duration{1'000});
}

// Waits until there is room for a task. nullopt: stop. `quiet`: the last call found nothing, so
// that the next one may as well wait at the server.
std::optional<LeaseRequest> Pool::next_lease(bool quiet) {
  std::unique_lock lock(mutex_);
  await_room(lock, quiet);
  if (stopping_.stop_requested()) return std::nullopt;
  const std::size_t room =
      std::min({in_hand_max() - attempts_.size(), lease_tasks_max_, portion_.tasks_max()});
  LeaseRequest request{.queues = options_.queues,
                       .max_tasks = static_cast<std::uint32_t>(room),
                       .lease = options_.lease,
                       .worker_id = options_.worker_id,
                       .settle = outbox_.take().take(),
                       .timeout = call_timeout()};
  in_flight_ += request.settle.size();
  if (quiet && request.settle.empty()) {
    request.wait = std::min(options_.wait, wait_max_);
    parked_ = true;
  }
  return request;
}

void Pool::await_room(std::unique_lock<std::mutex>& lock, bool quiet) {
  const auto enough = [this] {
    return stopping_.stop_requested() || attempts_.size() <= *lease_when_;
  };
  do {  // again when handlers turned out to be slower meanwhile, and the room to be less
    lease_when_ = in_hand_max() - 1;
    parked_ = !enough();
    if (parked_ && !outbox_.empty()) report_wake_.notify_one();
    lease_wake_.wait(lock, enough);
    parked_ = false;
    if (!quiet) {
      lease_when_ = in_hand_max() / 2;
      lease_wake_.wait_for(lock, slots_linger, enough);
    }
  } while (attempts_.size() >= in_hand_max() && !stopping_.stop_requested());
  lease_when_.reset();
}

void Pool::begin(std::vector<Task> tasks, const LeaseRequest& request, SteadyTime asked_at) {
  const std::lock_guard lock(mutex_);
  const SteadyTime now = steady_clock::now();
  const bool waited = request.wait != Duration{0};
  if (!waited) prefetch_.lease_took(now - asked_at);
  parked_ = false;
  if (tasks.empty()) return;
  stats_.leased += tasks.size();
  lease_seen_ = Duration::max();
  // The lease runs from when the server granted it, which was after we asked: so this is early. A
  // long poll makes it much too early; but then it was granted just now.
  const SteadyTime granted_at = std::max(asked_at, now - Duration{1'000});
  SteadyTime heartbeat_due = SteadyTime::max();
  for (Task& task : tasks) {
    if (!task.lease) continue;
    auto attempt = std::make_shared<Attempt>(std::move(task), options_);
    attempt->leased_at = now;
    attempt->lease_until = granted_at + attempt->length;
    attempt->heartbeat_sent(granted_at);
    heartbeat_due = std::min(heartbeat_due, attempt->heartbeat_due);
    lease_seen_ = std::min(lease_seen_, attempt->length);
    if (attempt->task.lease->timeout) {
      const Duration timeout = std::min(*attempt->task.lease->timeout, limits::ten_years);
      attempt->stop_at =
          (waited ? now : granted_at) + timeout - std::min(timeout_notice, timeout / 4);
    }
    watch_from(attempt->asked_to_stop_at());
    unstarted_.push_back(attempt);
    const std::string_view token = attempt->task.lease->token;
    attempts_.emplace(token, std::move(attempt));
  }
  if (!waited) portion_.arrived(tasks.size(), now - asked_at, lease_seen_);
  wake_handler();
  watch_from(now + start_wait_max);
  if (heartbeat_due < report_at_) report_wake_.notify_one();
}

}  // namespace quern
