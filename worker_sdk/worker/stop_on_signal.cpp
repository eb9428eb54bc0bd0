#include "worker/stop_on_signal.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace quern::sdk {
namespace {

constexpr std::array signals{SIGTERM, SIGINT};

// A signal handler may do little more than write a byte; the thread at the other end does the rest.
// Masking signals instead would miss threads that the program started before us.
int pipe_in = -1;

void wake(char reason) {
  const int saved_errno = errno;
  [[maybe_unused]] const ssize_t written = ::write(pipe_in, &reason, 1);
  errno = saved_errno;
}

// One stop may arrive several times: a shell signals the whole group, and a wrapper passes its own
// on. What comes this soon after the first is still the same.
constexpr std::int64_t repeats_for_ms = 1'000;

std::atomic<std::int64_t> first_at_ms = 0;                      // 0: none came yet
static_assert(std::atomic<std::int64_t>::is_always_lock_free);  // a handler may use no other

std::int64_t monotonic_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000 + now.tv_nsec / 1'000'000 + 1;
}

extern "C" void quern_on_signal(int number) {
  std::int64_t first = 0;
  const std::int64_t now = monotonic_ms();
  if (first_at_ms.compare_exchange_strong(first, now)) return wake('s');
  if (now - first < repeats_for_ms) return;
  // The second one ends the process, whichever of them it is.
  ::signal(number, SIG_DFL);
  ::raise(number);
}

// What signals concern: the process has them once, whoever waits for them.
class SignalWatch {
 public:
  void add(const std::function<void()>& on_signal) {
    const std::lock_guard lock(users_mutex_);
    if (!thread_.joinable()) start();
    const std::lock_guard calls_lock(calls_mutex_);
    calls_.push_back(&on_signal);
    if (signalled_) on_signal();
  }

  // On return nothing is being called, nor will be.
  void remove(const std::function<void()>& on_signal) {
    const std::lock_guard lock(users_mutex_);
    {
      const std::lock_guard calls_lock(calls_mutex_);
      std::erase(calls_, &on_signal);
      if (!calls_.empty()) return;
    }
    end();
  }

 private:
  void start() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
      throw std::system_error(errno, std::generic_category(), "pipe");
    }
    pipe_out_ = ends[0];
    pipe_in = ends[1];
    try {
      thread_ = std::thread([this] { call_when_signalled(); });
    } catch (...) {
      close_pipe();
      throw;
    }
    first_at_ms = 0;
    struct sigaction action {};
    action.sa_handler = quern_on_signal;
    action.sa_flags = SA_RESTART;
    for (const int number : signals) ::sigaddset(&action.sa_mask, number);
    for (std::size_t i = 0; i < signals.size(); ++i) {
      ::sigaction(signals[i], &action, &previous_[i]);
    }
  }

  void end() {
    for (std::size_t i = 0; i < signals.size(); ++i) {
      ::sigaction(signals[i], &previous_[i], nullptr);
    }
    wake('e');
    thread_.join();
    close_pipe();
    signalled_ = false;
  }

  void close_pipe() {
    ::close(pipe_in);
    ::close(pipe_out_);
  }

  void call_when_signalled() {
    char reason = 0;
    for (;;) {
      const ssize_t count = ::read(pipe_out_, &reason, 1);
      if (count < 0 && errno == EINTR) continue;
      if (count != 1 || reason != 's') return;
      const std::lock_guard lock(calls_mutex_);
      signalled_ = true;
      for (const auto* on_signal : calls_) (*on_signal)();
    }
  }

  std::mutex users_mutex_;  // one comes or goes at a time; taken before the other
  std::thread thread_;      // while there are users
  int pipe_out_ = -1;
  std::array<struct sigaction, signals.size()> previous_;
  std::mutex calls_mutex_;
  std::vector<const std::function<void()>*> calls_;
  bool signalled_ = false;
};

// Never destroyed: exit() may be called while workers run.
SignalWatch& signal_watch() {
  static SignalWatch& watch = *new SignalWatch;
  return watch;
}

}  // namespace

StopOnSignal::StopOnSignal(std::function<void()> on_signal) : on_signal_(std::move(on_signal)) {
  signal_watch().add(on_signal_);
}

StopOnSignal::~StopOnSignal() { signal_watch().remove(on_signal_); }

}  // namespace quern::sdk
