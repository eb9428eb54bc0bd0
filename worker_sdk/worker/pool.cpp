#include "worker/pool.h"

#include <algorithm>
#include <utility>

#include "problem.h"
#include "worker/options.h"

namespace quern {
namespace {

// Between two heartbeats that carry progress.
constexpr Duration progress_interval{500};

}  // namespace

Pool::Pool(Client& client, WorkerOptions options)
    : client_(client),
      options_(sdk::checked(std::move(options))),
      own_client_(sdk::client_options_for(client.options())),
      prefetch_(options_.concurrency) {}

void Pool::add(std::string type, Worker::Handler handler) {
  handlers_[std::move(type)] = std::move(handler);
}

void Pool::run() {
  std::optional<Error> refusal;
  {
    std::vector<std::jthread> threads;  // joined last; a handler that does not stop is waited for
    // Also when something is thrown, by a thread that cannot be made, say: nobody joins for ever.
    const std::unique_ptr<Pool, void (*)(Pool*)> closer(this, [](Pool* pool) { pool->close(); });
    for (std::uint32_t i = 0; i < options_.concurrency; ++i) {
      threads.emplace_back([this] { run_handlers(); });
    }
    threads.emplace_back([this] { report_until_closed(); });
    threads.emplace_back([this] { watch_until_closed(); });
    refusal = lease_until_stopped();
    drain();
  }
  if (refusal) throw ApiError(*refusal);
}

void Pool::stop() {
  stopping_.request_stop();
  const std::lock_guard lock(mutex_);
  if (!stopped_at_) stopped_at_ = std::chrono::steady_clock::now();
  lease_wake_.notify_all();
}

WorkerStats Pool::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

Timestamp Pool::deadline(const Attempt& attempt) const {
  const std::lock_guard lock(mutex_);
  return attempt.deadline;
}

void Pool::show_progress(Attempt& attempt, std::string json) {
  const std::lock_guard lock(mutex_);
  attempt.progress = std::move(json);
  attempt.heartbeat_due = std::min(attempt.heartbeat_due, attempt.heartbeat_at + progress_interval);
  report_wake_.notify_one();
}

// A refusal that will not go away by itself, as opposed to a server that is away or busy.
bool Pool::is_refusal(ErrorCode code) {
  return !sdk::is_transient(code) && code != ErrorCode::store_corrupt &&
         code != ErrorCode::internal;
}

void Pool::server_answered() {
  {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(away_, false)) return;
    ++stats_.reconnects;
  }
  log(LogLevel::info, "the server is back");
}

void Pool::server_failed(const Error& error) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = !std::exchange(away_, true);
  }
  log(first ? LogLevel::warning : LogLevel::debug,
      std::string(to_string(error.code)) + ": " + error.detail + "; trying again until it answers");
}

// The user's, and called from every thread: what they throw must not cost a task.
void Pool::log(LogLevel level, const std::string& text) noexcept {
  const std::lock_guard lock(log_mutex_);
  try {
    options_.log(level, text);
  } catch (...) {
    // There is nowhere left to say so.
  }
}

void Pool::tell_settled(const Settlement& sent, const Settled& answer) noexcept {
  if (!options_.on_settled || sent.op == SettleOp::heartbeat) return;
  const std::lock_guard lock(on_settled_mutex_);
  try {
    options_.on_settled(sent, answer);
  } catch (...) {
    // As above.
  }
}

}  // namespace quern
