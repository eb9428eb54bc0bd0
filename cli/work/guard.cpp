#include "work/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

namespace quern::cli {
namespace {

constexpr char name[] = "quern-guard";
// Where the control is in the guard, behind the program's standard files.
constexpr int control_fd = 3;
// What SIGKILL has not ended in this time hangs in the kernel, or is not ours to kill.
constexpr int end_ms_max = 2'000;

void tell_started(int control, int error) {
  [[maybe_unused]] const ssize_t sent = ::send(control, &error, sizeof error, MSG_NOSIGNAL);
}

// Of what cannot be had: without it the guard would wait for ever, or the program get our files.
[[noreturn]] void give_up(int control) {
  tell_started(control, errno);
  ::_exit(127);
}

// The files into their places, and all others closed: the worker's connections are not for the
// program, and a guard that holds the worker's end of another's control would keep that one
// waiting.
void arrange(const GuardFiles& files) {
  std::array<int, 4> fds{files.program[0], files.program[1], files.program[2], files.control};
  // First out of the way of each other. The control stays where it is, too, until that is done.
  for (int& fd : fds) {
    fd = ::fcntl(fd, F_DUPFD, 10);
    if (fd < 0) give_up(files.control);
  }
  const int control = fds[control_fd];
  for (int i = 0; i <= control_fd; ++i) {
    if (::dup2(fds[static_cast<std::size_t>(i)], i) < 0) give_up(control);
  }
  if (::close_range(control_fd + 1, ~0U, 0) != 0) give_up(control_fd);
  ::fcntl(control_fd, F_SETFD, FD_CLOEXEC);
}

// In lists of processes this is no second worker, and whoever kills workers by name spares it.
void rename_self() {
  ::prctl(PR_SET_NAME, name);
  const int fd = ::open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  std::size_t size = 0;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::read(fd, buffer, sizeof buffer)) > 0;) {
    size += static_cast<std::size_t>(got);
  }
  ::close(fd);
  // The arguments lie behind one another, from the program's name on; see proc(5), cmdline.
  if (size <= sizeof name) return;
  ::memset(program_invocation_name, 0, size);
  ::memcpy(program_invocation_name, name, sizeof name);
}

void limit_descriptors(rlim_t soft) {
  rlimit limit{};
  if (soft == 0 || ::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min(soft, limit.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// `failure` is where errno goes when it cannot be started; closed when it is.
[[noreturn]] void become_program(pid_t guard, int failure, char* const* command,
                                 char* const* environment, rlim_t descriptors) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != guard) ::_exit(127);
  limit_descriptors(descriptors);
  ::signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execvpe(command[0], command, environment);
  const int error = errno;
  [[maybe_unused]] const ssize_t written = ::write(failure, &error, sizeof error);
  ::_exit(127);
}

// SIGKILL for each child of ours, those inherited too.
void kill_children() {
  const int fd = ::open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;  // a kernel without: then it is the process group alone
  char buffer[4096];
  pid_t pid = 0;
  for (ssize_t got = 0; (got = ::read(fd, buffer, sizeof buffer)) > 0;) {
    for (const char c : std::string_view(buffer, static_cast<std::size_t>(got))) {
      if (c >= '0' && c <= '9') {
        pid = pid * 10 + (c - '0');
      } else if (pid != 0) {
        ::kill(pid, SIGKILL);
        pid = 0;
      }
    }
  }
  ::close(fd);
}

std::int64_t now_ms() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return std::int64_t{time.tv_sec} * 1'000 + time.tv_nsec / 1'000'000;
}

// Every death may leave us more to inherit: until there is nobody.
[[noreturn]] void end_everything(pid_t program) {
  ::kill(-program, SIGKILL);
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  const std::int64_t until = now_ms() + end_ms_max;
  for (;;) {
    kill_children();
    pid_t ended = 0;
    while ((ended = ::waitpid(-1, nullptr, WNOHANG)) > 0) {
    }
    if (ended < 0 || now_ms() >= until) ::_exit(0);
    constexpr timespec pause{.tv_sec = 0, .tv_nsec = 20'000'000};
    ::sigtimedwait(&child, nullptr, &pause);
  }
}

// Reaps what we inherited; true when the program itself has ended, which stays: until it is reaped,
// its number is nobody else's, and its group can be killed.
bool program_ended(pid_t program, ProgramEnd& end) {
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) {
      return false;
    }
    if (info.si_pid != program) {
      ::waitpid(info.si_pid, nullptr, 0);
      continue;
    }
    (info.si_code == CLD_EXITED ? end.exit_status : end.signal) = info.si_status;
    return true;
  }
}

// What tells of children that end; they are looked at when it is read.
int watch_deaths() {
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  return ::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
}

[[noreturn]] void serve(pid_t program, int deaths) {
  pollfd polled[] = {{control_fd, POLLIN, 0}, {deaths, POLLIN, 0}};
  for (;;) {
    ::poll(polled, 2, -1);
    if (polled[1].revents != 0) {
      signalfd_siginfo ignored{};
      while (::read(deaths, &ignored, sizeof ignored) > 0) {
      }
      ProgramEnd end;
      if (program_ended(program, end)) {
        ::send(control_fd, &end, sizeof end, MSG_NOSIGNAL);
        polled[1].fd = -1;
      }
    }
    if (polled[0].revents != 0) {
      unsigned char number = 0;
      if (::read(control_fd, &number, 1) != 1) end_everything(program);
      ::kill(-program, number);
    }
  }
}

}  // namespace

void guard_program(const GuardFiles& files, char* const* command, char* const* environment,
                   rlim_t descriptors) {
  ::setpgid(0, 0);  // not killed with the worker's group either
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  arrange(files);
  rename_self();
  const int deaths = watch_deaths();
  int failure[2];
  if (deaths < 0 || ::pipe2(failure, O_CLOEXEC) != 0) give_up(control_fd);
  const pid_t guard = ::getpid();
  // Not fork(): that may take locks, which other threads of the worker held.
  const pid_t program = ::_Fork();
  if (program == 0) become_program(guard, failure[1], command, environment, descriptors);
  if (program < 0) give_up(control_fd);
  ::setpgid(program, program);  // here, too: whoever comes first
  for (int fd = 0; fd < control_fd; ++fd) ::close(fd);
  ::close(failure[1]);
  int error = 0;
  // Ends when the program runs, or is no more: all signals are blocked.
  if (::read(failure[0], &error, sizeof error) != sizeof error) error = 0;
  ::close(failure[0]);
  tell_started(control_fd, error);
  serve(program, deaths);
}

}  // namespace quern::cli
