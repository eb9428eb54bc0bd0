// quern_worker_bench: how fast quern::Worker takes tasks from a running server with a handler that
// does nothing. What is missing to `quern_bench lease` is what the worker itself costs.
//
// Exit code  0: every task succeeded. 1: one did not, or the server refused. 2: usage.
#include <quern/quern.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>

namespace {

struct Options {
  std::string server = "127.0.0.1:7480";
  std::string queue = "bench";
  std::uint32_t concurrency = 64;
  std::uint64_t count = 100'000;
};

// From the first lease call to the answer to the last report.
std::chrono::duration<double> drain(const Options& options, quern::WorkerStats& stats) {
  quern::Client client({.server = "http://" + options.server});
  quern::Worker worker(client, {.queues = {options.queue}, .concurrency = options.concurrency});
  std::atomic<std::uint64_t> left = options.count;
  worker.handle_any([&](quern::Context&) {
    if (--left == 0) worker.stop();
  });
  const auto began = std::chrono::steady_clock::now();
  worker.run();
  stats = worker.stats();
  return std::chrono::steady_clock::now() - began;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Empties a queue of so many tasks with a worker whose handler does nothing.",
               "quern_worker_bench");
  app.add_option("--server", options.server, "host:port")->capture_default_str();
  app.add_option("--queue", options.queue, "It must hold that many tasks")->capture_default_str();
  app.add_option("--concurrency", options.concurrency, "Handlers at once")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--count", options.count, "Tasks")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    quern::WorkerStats stats;
    const double seconds = drain(options, stats).count();
    std::printf("{\"tasks\": %llu, \"seconds\": %.3f, \"tasks_per_second\": %.1f}\n",
                static_cast<unsigned long long>(stats.succeeded), seconds,
                static_cast<double>(stats.succeeded) / seconds);
    return stats.succeeded == options.count ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "quern_worker_bench: %s\n", error.what());
    return 1;
  }
}
