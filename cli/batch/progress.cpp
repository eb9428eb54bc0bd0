#include "batch/progress.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <utility>

#include "advice.h"
#include "confirm.h"
#include "exit_code.h"
#include "look.h"
#include "slow_notice.h"
#include "text.h"

namespace quern::cli {
namespace {

// Quick enough to look alive, slow enough to cost nothing.
constexpr int redraw_ms = 100;
constexpr std::size_t bar_columns = 24;

}  // namespace

std::string how_to_go_on(std::uint64_t line) {
  if (line == 0) return "Nothing of it is known to be on the server yet.";
  return "Lines 1 to " + std::to_string(line) +
         " are on the server. Run the same command again: no line is submitted twice. "
         "--from-line " +
         std::to_string(line + 1) + " skips what is there.";
}

BatchProgress::BatchProgress(ProgressOptions options)
    : options_(std::move(options)), terminal_(::isatty(STDERR_FILENO) == 1) {
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

void BatchProgress::wait_for_input() {
  const std::lock_guard lock(mutex_);
  server_awaited_ = false;
  waiting_since_ = Clock::now();
}

void BatchProgress::wait_for_server() {
  const std::lock_guard lock(mutex_);
  server_awaited_ = true;
  waiting_since_ = Clock::now();
}

void BatchProgress::trouble(const std::optional<std::string>& why) {
  const std::lock_guard lock(mutex_);
  trouble_ = why;
  if (why && !said_) {
    say(*why + "; trying again for up to " + exact_text(options_.patience));
    said_ = true;
  }
}

void BatchProgress::advance(std::uint64_t tasks, std::uint64_t bytes, std::uint64_t line) {
  tasks_ += tasks;
  bytes_ = bytes;
  line_ = line;
  const std::lock_guard lock(mutex_);
  if (std::exchange(said_, false)) say("the server answers again");
  waiting_since_ = Clock::now();
}

void BatchProgress::show_until_done() {
  for (;;) {
    pollfd polled[] = {{signals_, POLLIN, 0}, {done_, POLLIN, 0}};
    ::poll(polled, 2, redraw_ms);
    if (polled[0].revents != 0) interrupted();
    if (polled[1].revents != 0) break;
    draw();
    say_when_silent();
  }
  if (terminal_) std::cerr << "\r\x1b[K" << std::flush;
}

void BatchProgress::draw() {
  if (!terminal_) return;
  // One column stays free, or some terminals wrap.
  const std::size_t columns_max = terminal_size(STDERR_FILENO).columns - 1;
  std::cerr << "\r" + shortened(text(), columns_max) + "\x1b[K" << std::flush;
}

void BatchProgress::say_when_silent() {
  const std::lock_guard lock(mutex_);
  if (said_ || !server_awaited_ || Clock::now() - waiting_since_ < slow_after) return;
  said_ = true;
  say(printable(options_.server) + " has not answered yet; waiting up to " +
      exact_text(options_.patience));
}

// A terminal has it in the bar.
void BatchProgress::say(const std::string& line) const {
  if (!terminal_ && !options_.json) std::cerr << "qctl: " + printable(line) + "\n" << std::flush;
}

std::string BatchProgress::text() {
  const double seconds = std::chrono::duration<double>(Clock::now() - started_).count();
  const std::uint64_t tasks = tasks_;
  const auto rate = static_cast<std::uint64_t>(static_cast<double>(tasks) / std::max(seconds, 0.1));
  std::string text;
  if (options_.bytes_total && *options_.bytes_total != 0) {
    const double done =
        std::min(1.0, static_cast<double>(bytes_) / static_cast<double>(*options_.bytes_total));
    const auto filled = static_cast<std::size_t>(done * bar_columns);
    text += "[" + std::string(filled, '#') + std::string(bar_columns - filled, '.') + "] " +
            std::to_string(static_cast<int>(done * 100)) + " %  ";
    if (done > 0 && done < 1) {
      const Duration left{static_cast<std::int64_t>(seconds * (1 - done) / done * 1000)};
      text += duration_text(left) + " left  ";
    }
  }
  return text + tasks_text(tasks) + "  " + grouped(rate) + "/s" + waiting_text();
}

std::string BatchProgress::waiting_text() {
  const std::lock_guard lock(mutex_);
  const auto waiting = Clock::now() - waiting_since_;
  if (waiting < slow_after) return "";
  const std::string since = duration_text(std::chrono::duration_cast<Duration>(waiting));
  if (!server_awaited_) return "  waiting for input for " + since;
  return "  no answer for " + since + (trouble_ ? ": " + *trouble_ : "");
}

// Everything that was answered is durable, and the keys make the rest safe to repeat: there is
// nothing to wait for.
void BatchProgress::interrupted() {
  std::cout.flush();
  if (terminal_) std::cerr << "\r\x1b[K";
  const std::string how = how_to_go_on(line_);
  if (options_.json) {
    print_failure(true, "interrupted", how);
  } else {
    std::cerr << "Interrupted. " << how << std::endl;
  }
  ::_exit(exit_interrupted);
}

}  // namespace quern::cli
