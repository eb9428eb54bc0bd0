// The progress of a batch: a bar on a terminal, else a line when the server is away for long; and a
// last word when it is interrupted.
//
// Threads  one thread calls; the display has its own.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "quern/protocol/timestamp.h"

namespace quern::cli {

struct ProgressOptions {
  std::string server;
  Duration patience{0};                      // how long a server that is away is waited for
  bool json = false;                         // standard error is for errors alone
  std::optional<std::uint64_t> bytes_total;  // of the file, when it has a size
};

class BatchProgress {
 public:
  // Blocks SIGINT and SIGTERM for threads that are made from now on: make it before the client.
  // On one of them the process ends with what has been done and how to go on, and status 130.
  explicit BatchProgress(ProgressOptions options);
  ~BatchProgress();  // wipes the bar
  BatchProgress(const BatchProgress&) = delete;
  BatchProgress& operator=(const BatchProgress&) = delete;

  // What is waited for from now on.
  void wait_for_input();
  void wait_for_server();
  // The server has been failing for a while, for this reason; nullopt: it answers again.
  void trouble(const std::optional<std::string>& why);
  // So many more tasks are on the server, from a file read so far, up to this line.
  void advance(std::uint64_t tasks, std::uint64_t bytes, std::uint64_t line);

 private:
  using Clock = std::chrono::steady_clock;

  void show_until_done();
  void draw();
  void say_when_silent();
  void say(const std::string& line) const;
  std::string text();
  std::string waiting_text();
  [[noreturn]] void interrupted();

  const ProgressOptions options_;
  const bool terminal_;
  const Clock::time_point started_ = Clock::now();
  std::atomic<std::uint64_t> tasks_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> line_{0};
  std::mutex mutex_;  // guards the four below
  bool server_awaited_ = false;
  Clock::time_point waiting_since_ = Clock::now();
  std::optional<std::string> trouble_;
  bool said_ = false;  // that the server is silent or in trouble
  int signals_ = -1;
  int done_ = -1;
  std::thread display_;
};

// "Lines 1 to 3000 are on the server. …": how to go on after an early end.
std::string how_to_go_on(std::uint64_t line);

}  // namespace quern::cli
