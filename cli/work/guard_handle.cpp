#include "work/guard_handle.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace quern::cli {
namespace {

using Clock = std::chrono::steady_clock;

// After SIGKILL. Who is then still there hangs in the kernel.
constexpr std::chrono::milliseconds killed_within{2'000};

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

GuardHandle::GuardHandle(const GuardedProgram& program) : name_(program.command.front()) {
  int control[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) != 0) {
    throw std::system_error(errno, std::generic_category(), "no socket");
  }
  control_ = Descriptor(control[0]);
  const Descriptor guards_control(control[1]);
  fork_guard(program, guards_control.get());
}

void GuardHandle::fork_guard(const GuardedProgram& program, int guards_control) {
  std::vector<char*> command = pointers_to(program.command);
  std::vector<char*> environment = pointers_to(program.environment);
  // The worker's signal handlers must not run in the child.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  guard_ = ::fork();
  const int error = errno;
  if (guard_ == 0) {
    guard_program({.program = program.files, .control = guards_control}, command.data(),
                  environment.data(), program.descriptors);
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (guard_ < 0) throw std::system_error(error, std::generic_category(), "cannot fork");
}

GuardHandle::~GuardHandle() {
  if (guard_ < 0) return;
  ::shutdown(control_.get(), SHUT_WR);
  if (!gone_within(patience_)) {
    // Stopped, or starved: the program dies with it.
    ::kill(guard_, SIGKILL);
    if (!gone_within(killed_within)) return;
  }
  while (::waitpid(guard_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::optional<ProgramEnd> GuardHandle::read_news() {
  if (started_) {
    ProgramEnd end;
    const ssize_t got = ::read(control_.get(), &end, sizeof end);
    if (got < 0 && errno == EINTR) return std::nullopt;
    // A guard that is gone was killed, and the program with it.
    if (got != sizeof end) end = {.exit_status = 0, .signal = SIGKILL};
    return end;
  }
  int error = 0;
  const ssize_t got = ::read(control_.get(), &error, sizeof error);
  if (got < 0 && errno == EINTR) return std::nullopt;
  // Killed before there was a program: for want of memory, most likely.
  if (got != sizeof error) error = EAGAIN;
  if (error != 0) throw std::system_error(error, std::generic_category(), name_);
  started_ = true;
  return std::nullopt;
}

void GuardHandle::signal_group(int number) const {
  const auto byte = static_cast<unsigned char>(number);
  ::send(control_.get(), &byte, 1, MSG_NOSIGNAL);
}

// Whether the guard has closed its end within `time_max`, which it does by ending.
bool GuardHandle::gone_within(std::chrono::milliseconds time_max) const {
  const Clock::time_point until = Clock::now() + time_max;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd polled{control_.get(), POLLIN, 0};
    const int ready = ::poll(&polled, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    ProgramEnd ignored;
    const ssize_t got = ::read(control_.get(), &ignored, sizeof ignored);
    if (got == 0 || (got < 0 && errno != EINTR)) return true;
  }
}

}  // namespace quern::cli
