#include "worker/stop_on_signal.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace quern::sdk {
namespace {

constexpr std::array signals{SIGTERM, SIGINT};

// A signal handler may do little more than write a byte; the thread at the other end does the rest.
// Masking signals instead would miss threads that the program started before us.
int pipe_out = -1;
int pipe_in = -1;
std::array<struct sigaction, signals.size()> previous;

void wake(char reason) {
  const int saved_errno = errno;
  [[maybe_unused]] const ssize_t written = ::write(pipe_in, &reason, 1);
  errno = saved_errno;
}

extern "C" void quern_on_signal(int) {
  // The second signal ends the process, whichever of them it is.
  for (const int number : signals) ::signal(number, SIG_DFL);
  wake('s');
}

void await_signal(const std::function<void()>& on_signal) {
  char reason = 0;
  while (::read(pipe_out, &reason, 1) < 0 && errno == EINTR) {
  }
  if (reason == 's') on_signal();
}

}  // namespace

StopOnSignal::StopOnSignal(std::function<void()> on_signal) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    throw std::system_error(errno, std::generic_category(), "pipe");
  pipe_out = ends[0];
  pipe_in = ends[1];
  struct sigaction action {};
  action.sa_handler = quern_on_signal;
  action.sa_flags = SA_RESTART;
  for (const int number : signals) ::sigaddset(&action.sa_mask, number);
  for (std::size_t i = 0; i < signals.size(); ++i) ::sigaction(signals[i], &action, &previous[i]);
  thread_ = std::thread([on_signal = std::move(on_signal)] { await_signal(on_signal); });
}

StopOnSignal::~StopOnSignal() {
  for (std::size_t i = 0; i < signals.size(); ++i) ::sigaction(signals[i], &previous[i], nullptr);
  wake('e');
  thread_.join();
  ::close(pipe_in);
  ::close(pipe_out);
}

}  // namespace quern::sdk
