#include "top/screen.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <string_view>

namespace quern::cli {
namespace {

void write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

Screen::Screen() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP}) ::sigaddset(&set, number);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = ::signalfd(-1, &set, SFD_CLOEXEC);
  ::tcgetattr(STDIN_FILENO, &before_);
  termios raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  write_all("\x1b[?1049h\x1b[?25l\x1b[2J");
}

Screen::~Screen() {
  write_all("\x1b[?25h\x1b[?1049l");
  ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  ::close(signals_);
}

TerminalSize Screen::size() const { return terminal_size(STDOUT_FILENO); }

void Screen::draw(const std::vector<std::string>& lines) {
  std::string frame = "\x1b[H";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    frame += (i == 0 ? "" : "\r\n") + lines[i] + "\x1b[K";
  }
  write_all(frame + "\x1b[J");
}

char Screen::read_key(std::chrono::milliseconds time_max) {
  pollfd polled[] = {{signals_, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
  ::poll(polled, 2, static_cast<int>(time_max.count()));
  if (polled[0].revents != 0) {
    signalfd_siginfo seen{};
    if (::read(signals_, &seen, sizeof seen) != sizeof seen) return nothing;
    // A screen that is suspended half-way would be left as it is: Ctrl-Z is no key here.
    if (seen.ssi_signo == SIGTSTP) return nothing;
    return seen.ssi_signo == SIGWINCH ? resized : quit;
  }
  char key = nothing;
  if (polled[1].revents != 0 && ::read(STDIN_FILENO, &key, 1) <= 0) return quit;  // it is gone
  return key;
}

}  // namespace quern::cli
