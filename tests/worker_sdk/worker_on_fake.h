// A worker against a fake server.
#pragma once

#include <atomic>
#include <stop_token>
#include <string_view>
#include <thread>
#include <utility>

#include "fake_quern.h"
#include "quern/worker.h"

namespace quern::test {

// A worker of the queue "q" that runs until the end of the scope.
struct RunningWorker {
  explicit RunningWorker(FakeQuern& quern, WorkerOptions options = {})
      : client({.server = quern.server().url(), .timeout = std::chrono::seconds(1)}),
        worker(client, quiet(std::move(options))) {}
  ~RunningWorker() { stop(); }

  void start() {
    thread = std::thread([this] { worker.run(); });
  }
  void stop() {
    worker.stop();
    if (thread.joinable()) thread.join();
  }
  static WorkerOptions quiet(WorkerOptions options) {
    options.queues = {"q"};
    options.log = [](LogLevel, std::string_view) {};
    return options;
  }

  Client client;
  Worker worker;
  std::thread thread;
};

// What a handler does that takes until it is asked to stop.
inline void wait_for_stop(Context& context) {
  std::atomic<bool> stopped = false;
  std::stop_callback on_stop(context.stop_token(), [&] {
    stopped = true;
    stopped.notify_all();
  });
  stopped.wait(false);
}

}  // namespace quern::test
