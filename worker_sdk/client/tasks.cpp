// GET /tasks, GET /tasks/{id}, cancel, redrive.
#include <algorithm>
#include <chrono>

#include "client/impl.h"
#include "quern/protocol/limits.h"

namespace quern {

using sdk::Call;
using sdk::Query;
using sdk::Repeat;
using sdk::task_path;

namespace {

// One long poll of wait(): well below what proxies allow.
constexpr Duration wait_slice{20'000};

}  // namespace

Task Client::get(std::string_view id) {
  const Call call{.method = "GET", .target = task_path(id)};
  return impl_->ask<Task>(call, sdk::read_task);
}

Task Client::wait(std::string_view id, Duration timeout) {
  const auto give_up_at = std::chrono::steady_clock::now() + std::min(timeout, limits::ten_years);
  for (;;) {
    const auto left =
        std::chrono::duration_cast<Duration>(give_up_at - std::chrono::steady_clock::now());
    const Duration slice = std::clamp(left, Duration{0}, wait_slice);
    const Call call{.method = "GET",
                    .target = task_path(id, "?wait_ms=" + std::to_string(slice.count())),
                    .wait = slice};
    Task task = impl_->ask<Task>(call, sdk::read_task);
    if (is_terminal(task.state) || left <= slice) return task;
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
