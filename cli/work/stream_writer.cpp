#include "work/stream_writer.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string_view>
#include <utility>

namespace quern::cli {
namespace {

// At the end a reader that takes nothing for so long is not waited for.
constexpr std::chrono::milliseconds stall_max{3'000};

}  // namespace

struct StreamWriter::State {
  explicit State(StreamWriterOptions with) : options(std::move(with)) {}

  const StreamWriterOptions options;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::string> queue;
  std::size_t queued_bytes = 0;  // with the piece that is being written
  LeftOut left_out;              // not yet told
  bool all_written = true;
  bool closed = false;     // the thread ends when the queue is empty
  bool abandoned = false;  // or at once, and calls nobody
  bool failed = false;
  bool done = false;
  std::uint64_t progress = 0;

  // The functions below: with the lock.
  void push(std::string piece) {
    if (piece.empty()) return;
    queued_bytes += piece.size();
    queue.push_back(std::move(piece));
    changed.notify_all();
  }

  void leave_out(std::size_t bytes) {
    ++left_out.pieces;
    left_out.bytes += bytes;
    all_written = false;
  }

  void tell_left_out() {
    const LeftOut told = std::exchange(left_out, {});
    if (told.pieces != 0 && options.on_left_out) push(options.on_left_out(told));
  }

  void fail(int error) {
    failed = true;
    all_written = false;
    queue.clear();
    queued_bytes = 0;
    if (!abandoned && options.on_failure) options.on_failure(error);
  }
};

StreamWriter::StreamWriter(StreamWriterOptions options)
    : state_(std::make_shared<State>(std::move(options))),
      thread_([state = state_] { run(state); }) {}

void StreamWriter::write(std::string piece) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  if (state.closed || state.failed) {
    state.all_written = false;
    return;
  }
  // Once something was left out, all is until half of the room is free: one gap, told of once.
  const std::size_t full = state.options.queued_bytes_max;
  const bool stalled = state.left_out.pieces != 0;
  if (state.queued_bytes + piece.size() > (stalled ? full / 2 : full)) {
    return state.leave_out(piece.size());
  }
  state.tell_left_out();
  state.push(std::move(piece));
}

bool StreamWriter::finish() {
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  if (state.closed) return state.all_written;
  if (!state.failed) state.tell_left_out();
  state.closed = true;
  state.changed.notify_all();
  while (!state.done && !state.abandoned) {
    const std::uint64_t before = state.progress;
    const bool moved = state.changed.wait_for(
        lock, stall_max, [&] { return state.done || state.progress != before; });
    state.abandoned = !moved;
  }
  if (state.done) {
    lock.unlock();
    thread_.join();
    return state.all_written;
  }
  // A write cannot be called off: the thread is left to the end of the process.
  thread_.detach();
  for (const std::string& piece : std::exchange(state.queue, {})) state.leave_out(piece.size());
  state.tell_left_out();
  state.all_written = false;
  return false;
}

void StreamWriter::run(const std::shared_ptr<State>& shared) {
  State& state = *shared;
  std::unique_lock lock(state.mutex);
  for (;;) {
    state.changed.wait(lock,
                       [&] { return !state.queue.empty() || state.closed || state.abandoned; });
    if (state.queue.empty() || state.abandoned) break;
    const std::string piece = std::move(state.queue.front());
    state.queue.pop_front();
    std::string_view rest = piece;
    while (!rest.empty() && !state.failed && !state.abandoned) {
      lock.unlock();
      const ssize_t written = ::write(state.options.fd, rest.data(), rest.size());
      const int error = errno;
      if (written < 0 && error == EAGAIN) {  // somebody made the stream so
        pollfd polled{state.options.fd, POLLOUT, 0};
        ::poll(&polled, 1, 100);
      }
      lock.lock();
      if (written > 0) {
        rest.remove_prefix(static_cast<std::size_t>(written));
        state.queued_bytes -= static_cast<std::size_t>(written);
        ++state.progress;
        state.changed.notify_all();
      } else if (written == 0 || (error != EAGAIN && error != EINTR)) {
        state.fail(written == 0 ? EIO : error);
      }
    }
  }
  state.done = true;
  state.changed.notify_all();
}

}  // namespace quern::cli
