#include "quern/worker.h"

#include <exception>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "worker/pool.h"
#include "worker/stop_on_signal.h"

namespace quern {
namespace {

// `function`, called once at a time by whoever has the copy; none stays none.
template <typename... Arguments>
void call_one_at_a_time(std::function<void(Arguments...)>& function) {
  if (!function) return;
  function = [inner = std::move(function),
              mutex = std::make_shared<std::mutex>()](Arguments... arguments) {
    const std::lock_guard lock(*mutex);
    inner(arguments...);
  };
}

// Each queue once: two groups that share one would not be apart.
void check_groups(const WorkerOptions& options) {
  std::set<std::string> names(options.queues.begin(), options.queues.end());
  for (const QueueGroup& group : options.bulkheads) {
    for (const std::string& queue : group.queues) {
      if (names.insert(queue).second) continue;
      throw ApiError(invalid_argument("bulkheads", "names queue \"" + queue + "\" a second time"));
    }
  }
}

}  // namespace

Worker::Worker(Client& client, WorkerOptions options) {
  check_groups(options);
  const std::vector<QueueGroup> bulkheads = std::exchange(options.bulkheads, {});
  if (!bulkheads.empty()) {  // over all of them, as promised
    call_one_at_a_time(options.log);
    call_one_at_a_time(options.on_settled);
  }
  pools_.push_back(std::make_unique<Pool>(client, options));
  for (const QueueGroup& group : bulkheads) {
    options.queues = group.queues;
    options.concurrency = group.concurrency;
    pools_.push_back(std::make_unique<Pool>(client, options));
  }
}

Worker::~Worker() = default;

Worker& Worker::add(std::string type, Handler handler) {
  for (const auto& pool : pools_) pool->add(type, handler);
  return *this;
}

void Worker::run() {
  std::vector<std::exception_ptr> refusals(pools_.size());
  const auto run_pool = [&](std::size_t number) {
    try {
      pools_[number]->run();
    } catch (...) {
      refusals[number] = std::current_exception();
      stop();  // what one is refused for, a wrong token say, concerns the whole worker
    }
  };
  {
    std::vector<std::jthread> others;
    try {
      for (std::size_t i = 1; i < pools_.size(); ++i) {
        others.emplace_back([&run_pool, i] { run_pool(i); });
      }
    } catch (...) {
      stop();  // else those that run are joined for ever
      throw;
    }
    run_pool(0);
  }
  for (const std::exception_ptr& refusal : refusals) {
    if (refusal) std::rethrow_exception(refusal);
  }
}

void Worker::run(std::stop_token stop_requested) {
  const std::stop_callback on_stop(std::move(stop_requested), [this] { stop(); });
  run();
}

void Worker::run_until_signal() {
  const sdk::StopOnSignal on_signal([this] { stop(); });
  run();
}

void Worker::stop() {
  for (const auto& pool : pools_) pool->stop();
}

WorkerStats Worker::stats() const {
  WorkerStats sum;
  for (const auto& pool : pools_) {
    const WorkerStats stats = pool->stats();
    sum.leased += stats.leased;
    sum.succeeded += stats.succeeded;
    sum.failed += stats.failed;
    sum.released += stats.released;
    sum.lease_lost += stats.lease_lost;
    sum.reconnects += stats.reconnects;
  }
  return sum;
}

}  // namespace quern
