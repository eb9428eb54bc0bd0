// Writes to a standard stream without ever waiting for who reads it.
//
// Why      A terminal that is stopped (Ctrl-S), a pipe that nobody reads: a write to it may take
//          for ever, and programs have to be stopped in time and leases kept alive all the same.
// Shape    Pieces go into a queue of limited size, and a thread writes them. A piece that does not
//          fit is left out whole, and counted.
// Threads  any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace quern::cli {

struct LeftOut {
  std::uint64_t pieces = 0;
  std::uint64_t bytes = 0;
};

struct StreamWriterOptions {
  int fd = -1;  // stays open
  std::size_t queued_bytes_max = 1 << 20;
  // Told errno, once, when nothing can be written any more. Called by the writer's thread.
  std::function<void(int)> on_failure = {};
  // Told what was left out when there is room again, or at the end; what it returns is written in
  // its place. Called within write() and finish().
  std::function<std::string(const LeftOut&)> on_left_out = {};
};

class StreamWriter {
 public:
  explicit StreamWriter(StreamWriterOptions options);
  ~StreamWriter() { finish(); }
  StreamWriter(const StreamWriter&) = delete;
  StreamWriter& operator=(const StreamWriter&) = delete;

  void write(std::string piece);
  // Waits until what is queued is written, for as long as that makes progress. Whether all that was
  // ever given to write() has been.
  bool finish();

 private:
  struct State;
  static void run(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;  // the thread's, too: it may be left behind in a write
  std::thread thread_;
};

}  // namespace quern::cli
