// GET /tasks, GET /tasks/{id}, cancel, redrive.
#include <algorithm>
#include <chrono>
#include <thread>

#include "backoff.h"
#include "client/impl.h"
#include "problem.h"
#include "quern/protocol/limits.h"

namespace quern {

using sdk::Call;
using sdk::Query;
using sdk::Repeat;
using sdk::task_path;

namespace {

// Between two looks at a task, at a server that allows no long polls or only very short ones.
constexpr Duration poll_interval{250};

// An answer may come so much later than wait() was to end: enough for a busy server.
constexpr Duration answer_allowance{3'000};

}  // namespace

Task Client::get(std::string_view id) {
  const Call call{.method = "GET", .target = task_path(id)};
  return impl_->ask<Task>(call, sdk::read_task);
}

Task Client::wait(std::string_view id, Duration timeout) {
  using std::chrono::steady_clock;
  const auto give_up_at = steady_clock::now() + std::clamp(timeout, Duration{0}, limits::ten_years);
  const Duration retry_for = std::min(options().retry_for, limits::ten_years);
  auto answered_at = steady_clock::now();
  sdk::Backoff backoff(Duration{100}, Duration{5'000});
  for (;;) {
    const auto asked_at = steady_clock::now();
    const auto left = std::chrono::duration_cast<Duration>(give_up_at - asked_at);
    const Duration slice = std::clamp(left, Duration{0}, impl_->wait_slice.load());
    // Repeated here, since every repeat has less time left to wait.
    const Call call{.method = "GET",
                    .target = task_path(id, "?wait_ms=" + std::to_string(slice.count())),
                    .repeat = Repeat::never,
                    .wait = slice,
                    .give_up_at = give_up_at + answer_allowance};
    try {
      Task task = impl_->ask<Task>(call, sdk::read_task);
      if (is_terminal(task.state) || left <= slice) return task;
      answered_at = steady_clock::now();
      backoff.reset();
      if (slice < poll_interval) {
        std::this_thread::sleep_until(std::min(asked_at + poll_interval, give_up_at));
      }
    } catch (const ApiError& error) {
      if (slice > Duration{0} && sdk::is_wait_too_long(error.error())) {
        impl_->wait_slice = slice / 2;
        continue;
      }
      const Duration delay = backoff.next(error.retry_after());
      const auto retry_until = std::min(give_up_at, answered_at + retry_for);
      if (!sdk::is_transient(error.code()) || steady_clock::now() + delay >= retry_until) throw;
      std::this_thread::sleep_for(delay);
    }
  }
}

Page<Task> Client::list(const TaskQuery& query) {
  Query parameters;
  parameters.add("queue", query.queue)
      .add("state", query.state ? to_string(*query.state) : std::string_view{})
      .add("type", query.type)
      .add("correlation_id", query.correlation_id)
      .add(query.page);
  const Call call{.method = "GET", .target = "/tasks" + parameters.text()};
  return impl_->ask<Page<Task>>(call, sdk::page_reader<Task>("tasks", sdk::read_task));
}

Task Client::cancel(std::string_view id) {
  const Call call{.method = "POST", .target = task_path(id, "/cancel"), .repeat = Repeat::unsafe};
  return impl_->ask<Task>(call, sdk::read_task);
}

Task Client::redrive(std::string_view id) {
  const Call call{.method = "POST", .target = task_path(id, "/redrive"), .repeat = Repeat::unsafe};
  return impl_->ask<Task>(call, sdk::read_task);
}

}  // namespace quern
