// The progress of a batch: a bar on a terminal, and a last word when it is interrupted.
//
// Threads  advance() from one thread; the display has its own.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>

namespace quern::cli {

class BatchProgress {
 public:
  // Blocks SIGINT and SIGTERM for threads that are made from now on: make it before the client.
  // On one of them the process ends with what has been done and how to go on, and status 130.
  explicit BatchProgress(std::optional<std::uint64_t> bytes_total);
  ~BatchProgress();  // wipes the bar
  BatchProgress(const BatchProgress&) = delete;
  BatchProgress& operator=(const BatchProgress&) = delete;

  // So many tasks are on the server, from a file read so far, up to this line.
  void advance(std::uint64_t tasks, std::uint64_t bytes, std::uint64_t line);

 private:
  using Clock = std::chrono::steady_clock;

  void show_until_done();
  void draw();
  std::string text() const;
  [[noreturn]] void interrupted();

  const std::optional<std::uint64_t> bytes_total_;
  const bool terminal_;
  const Clock::time_point started_ = Clock::now();
  std::atomic<std::uint64_t> tasks_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> line_{0};
  std::atomic<Clock::rep> advanced_at_;
  int signals_ = -1;
  int done_ = -1;
  std::thread display_;
};

// "Lines 1 to 3000 are on the server. …": how to go on after an early end.
std::string how_to_go_on(std::uint64_t line);

}  // namespace quern::cli
