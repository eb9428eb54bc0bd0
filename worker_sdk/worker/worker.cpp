#include "quern/worker.h"

#include <utility>

#include "worker/loop.h"
#include "worker/stop_on_signal.h"

namespace quern {

Worker::Worker(Client& client, WorkerOptions options)
    : loop_(std::make_unique<WorkerLoop>(client, std::move(options))) {}

Worker::~Worker() = default;

Worker& Worker::add(std::string type, Handler handler) {
  loop_->add(std::move(type), std::move(handler));
  return *this;
}

void Worker::run() { loop_->run(); }

void Worker::run(std::stop_token stop_requested) {
  const std::stop_callback on_stop(std::move(stop_requested), [this] { stop(); });
  run();
}

void Worker::run_until_signal() {
  const sdk::StopOnSignal on_signal([this] { stop(); });
  run();
}

void Worker::stop() { loop_->stop(); }

WorkerStats Worker::stats() const { return loop_->stats(); }

}  // namespace quern
