// Client::watch(): GET /queues/{name}, again and again.
#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include "backoff.h"
#include "client/impl.h"
#include "problem.h"
#include "quern/protocol/limits.h"
#include "wire/queue_json.h"

namespace quern {
namespace {

// Asking more often than this would only load the server.
constexpr Duration interval_min{10};

bool differs(const Queue& a, const Queue& b) {
  return a.counts != b.counts || !(a.settings == b.settings);
}

// Returns early when `stop` is requested.
void pause(Duration time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, time, [] { return false; });
}

}  // namespace

void Client::watch(std::string_view queue, const QueueVisitor& visit, std::stop_token stop,
                   const WatchOptions& options) {
  if (options.interval < interval_min) {
    throw ApiError(invalid_argument("/interval", "must be at least 10 ms"));
  }
  // The pauses are made here, so that a stop ends them.
  const sdk::Call call{.method = "GET",
                       .target = sdk::queue_path(queue),
                       .repeat = sdk::Repeat::never,
                       .stop = stop};
  sdk::Backoff backoff(Duration{100}, Duration{5'000});
  std::optional<Queue> seen;
  while (!stop.stop_requested()) {
    std::optional<Queue> now;
    try {
      now = impl_->ask<Queue>(call, sdk::read_queue);
    } catch (const ApiError& error) {
      if (stop.stop_requested()) return;
      if (!sdk::is_transient(error.code())) throw;
      pause(backoff.next(error.retry_after()), stop);
      continue;
    }
    backoff.reset();
    // Out of reach of the handler above: what `visit` throws is the caller's.
    if (!seen || differs(*now, *seen)) {
      seen = std::move(now);
      if (!visit(*seen)) return;
    }
    pause(std::min(options.interval, limits::ten_years), stop);  // more would overflow the clock
  }
}

}  // namespace quern
