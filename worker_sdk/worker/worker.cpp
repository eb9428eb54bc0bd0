#include "quern/worker.h"

#include <utility>

#include "worker/pool.h"
#include "worker/stop_on_signal.h"

namespace quern {

Worker::Worker(Client& client, WorkerOptions options)
    : pool_(std::make_unique<Pool>(client, std::move(options))) {}

Worker::~Worker() = default;

Worker& Worker::add(std::string type, Handler handler) {
  pool_->add(std::move(type), std::move(handler));
  return *this;
}

void Worker::run() { pool_->run(); }

void Worker::run(std::stop_token stop_requested) {
  const std::stop_callback on_stop(std::move(stop_requested), [this] { stop(); });
  run();
}

void Worker::run_until_signal() {
  const sdk::StopOnSignal on_signal([this] { stop(); });
  run();
}

void Worker::stop() { pool_->stop(); }

WorkerStats Worker::stats() const { return pool_->stats(); }

}  // namespace quern
