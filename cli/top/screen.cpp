#include "top/screen.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
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

// Takes one key from what was typed; several come together from a fast typist, and a cursor key is
// several bytes.
std::string_view take_key(std::string_view& typed) {
  std::size_t size = 1;
  if (typed.size() > 2 && typed[0] == '\x1b' && (typed[1] == '[' || typed[1] == 'O')) {
    size = 2;
    while (size < typed.size() && (typed[size] < '@' || typed[size] > '~')) ++size;
    size = std::min(size + 1, typed.size());
  }
  const std::string_view key = typed.substr(0, size);
  typed.remove_prefix(size);
  return key;
}

Key key_of(std::string_view typed) {
  if (typed == "q") return {.kind = Key::quit};
  if (typed == "\x1b[A" || typed == "\x1bOA" || typed == "k") return {.kind = Key::up};
  if (typed == "\x1b[B" || typed == "\x1bOB" || typed == "j") return {.kind = Key::down};
  if (typed == "\x1b[5~") return {.kind = Key::page_up};
  if (typed == "\x1b[6~" || typed == " ") return {.kind = Key::page_down};
  return typed.size() == 1 ? Key{.kind = Key::character, .character_typed = typed.front()} : Key{};
}

}  // namespace

Screen::Screen() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT, SIGWINCH}) {
    ::sigaddset(&set, number);
  }
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = ::signalfd(-1, &set, SFD_CLOEXEC);
  take();
}

Screen::~Screen() {
  give_back();
  ::close(signals_);
}

void Screen::take() {
  // Stopped from outside and set going again, it was never given back: what is set now may be ours.
  if (!taken_) ::tcgetattr(STDIN_FILENO, &before_);
  taken_ = true;
  termios raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  write_all("\x1b[?1049h\x1b[?25l\x1b[2J");
}

void Screen::give_back() {
  write_all("\x1b[?25h\x1b[?1049l");
  ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  taken_ = false;
}

TerminalSize Screen::size() const { return terminal_size(STDOUT_FILENO); }

void Screen::draw(const std::vector<std::string>& lines) {
  std::string frame = "\x1b[H";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    frame += (i == 0 ? "" : "\r\n") + lines[i] + "\x1b[K";
  }
  write_all(frame + "\x1b[J");
}

Key Screen::read_key(std::chrono::milliseconds time_max) {
  if (typed_.empty()) {
    pollfd polled[] = {{signals_, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    ::poll(polled, 2, static_cast<int>(time_max.count()));
    if (polled[0].revents != 0) return take_signal();
    if (polled[1].revents == 0) return {};
    char buffer[64];
    const ssize_t size = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (size <= 0) return {.kind = Key::quit};  // it is gone
    typed_.assign(buffer, static_cast<std::size_t>(size));
  }
  std::string_view rest = typed_;
  const Key key = key_of(take_key(rest));
  typed_.erase(0, typed_.size() - rest.size());
  return key;
}

Key Screen::take_signal() {
  signalfd_siginfo seen{};
  if (::read(signals_, &seen, sizeof seen) != sizeof seen) return {};
  switch (seen.ssi_signo) {
    case SIGWINCH:
      return {};
    case SIGTSTP:
      give_back();
      ::raise(SIGSTOP);  // until the shell's fg, which sends SIGCONT
      take();            // before anything is drawn: that signal is still to be read
      return {};
    case SIGCONT:
      take();
      return {};
    default:
      return {.kind = Key::quit, .signal = static_cast<int>(seen.ssi_signo)};
  }
}

}  // namespace quern::cli
