#include "batch/progress.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "exit_code.h"
#include "look.h"
#include "text.h"

namespace quern::cli {
namespace {

// Quick enough to look alive, slow enough to cost nothing.
constexpr int redraw_ms = 100;
// A server that has not answered for so long is mentioned.
constexpr std::chrono::seconds quiet_max{3};
constexpr std::size_t bar_columns = 24;

}  // namespace

std::string how_to_go_on(std::uint64_t line) {
  if (line == 0) return "Nothing of it is known to be on the server yet.";
  return "Lines 1 to " + std::to_string(line) +
         " are on the server. Run the same command again: no line is submitted twice. "
         "--from-line " +
         std::to_string(line + 1) + " skips what is there.";
}

BatchProgress::BatchProgress(std::optional<std::uint64_t> bytes_total)
    : bytes_total_(bytes_total),
      terminal_(::isatty(STDERR_FILENO) == 1),
      advanced_at_(Clock::now().time_since_epoch().count()) {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGINT);
  ::sigaddset(&set, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = ::signalfd(-1, &set, SFD_CLOEXEC);
  done_ = ::eventfd(0, EFD_CLOEXEC);
  display_ = std::thread([this] { show_until_done(); });
}

BatchProgress::~BatchProgress() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(done_, &one, sizeof one);
  display_.join();
  ::close(done_);
  ::close(signals_);
}

void BatchProgress::advance(std::uint64_t tasks, std::uint64_t bytes, std::uint64_t line) {
  tasks_ += tasks;
  bytes_ = bytes;
  line_ = line;
  advanced_at_ = Clock::now().time_since_epoch().count();
}

void BatchProgress::show_until_done() {
  for (;;) {
    pollfd polled[] = {{signals_, POLLIN, 0}, {done_, POLLIN, 0}};
    ::poll(polled, 2, redraw_ms);
    if (polled[0].revents != 0) interrupted();
    if (polled[1].revents != 0) break;
    draw();
  }
  if (terminal_) std::cerr << "\r\x1b[K" << std::flush;
}

void BatchProgress::draw() {
  if (!terminal_) return;
  // One column stays free, or some terminals wrap.
  const std::size_t columns_max = terminal_size(STDERR_FILENO).columns - 1;
  std::cerr << "\r" + shortened(text(), columns_max) + "\x1b[K" << std::flush;
}

std::string BatchProgress::text() const {
  const auto now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - started_).count();
  const std::uint64_t tasks = tasks_;
  const auto rate = static_cast<std::uint64_t>(static_cast<double>(tasks) / std::max(seconds, 0.1));
  std::string text;
  if (bytes_total_ && *bytes_total_ != 0) {
    const double done =
        std::min(1.0, static_cast<double>(bytes_) / static_cast<double>(*bytes_total_));
    const auto filled = static_cast<std::size_t>(done * bar_columns);
    text += "[" + std::string(filled, '#') + std::string(bar_columns - filled, '.') + "] " +
            std::to_string(static_cast<int>(done * 100)) + " %  ";
    if (done > 0 && done < 1) {
      const Duration left{static_cast<std::int64_t>(seconds * (1 - done) / done * 1000)};
      text += duration_text(left) + " left  ";
    }
  }
  text += grouped(tasks) + " tasks  " + grouped(rate) + "/s";
  const Clock::time_point advanced{Clock::duration{advanced_at_.load()}};
  if (now - advanced > quiet_max) {
    text +=
        "  no answer for " + duration_text(std::chrono::duration_cast<Duration>(now - advanced));
  }
  return text;
}

// Everything that was answered is durable, and the keys make the rest safe to repeat: there is
// nothing to wait for.
void BatchProgress::interrupted() {
  std::cout.flush();
  std::cerr << (terminal_ ? "\r\x1b[K" : "") << "Interrupted. " << how_to_go_on(line_) << std::endl;
  ::_exit(exit_interrupted);
}

}  // namespace quern::cli
