#include "look.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

namespace quern::cli {
namespace {

std::string_view code_of(Colour colour) {
  switch (colour) {
    case Colour::plain:
      return "";
    case Colour::bold:
      return "\x1b[1m";
    case Colour::dim:
      return "\x1b[2m";
    case Colour::red:
      return "\x1b[31m";
    case Colour::green:
      return "\x1b[32m";
    case Colour::yellow:
      return "\x1b[33m";
    case Colour::cyan:
      return "\x1b[36m";
  }
  return "";
}

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

}  // namespace

bool terminal_is_dumb() {
  return !is_set("TERM") || std::string_view(std::getenv("TERM")) == "dumb";
}

std::string Look::paint(Colour colour, std::string_view text) const {
  if (!coloured || colour == Colour::plain || text.empty()) return std::string(text);
  return std::string(code_of(colour)) + std::string(text) + "\x1b[0m";
}

Look look_of(int fd, ColourWhen when) {
  const bool terminal = ::isatty(fd) == 1;
  Look look;
  look.coloured = when == ColourWhen::always || (when == ColourWhen::automatic && terminal &&
                                                 !terminal_is_dumb() && !is_set("NO_COLOR"));
  if (terminal) look.width = terminal_size(fd).columns;
  return look;
}

TerminalSize terminal_size(int fd) {
  TerminalSize size;
  struct winsize seen {};
  // A terminal that nobody has given a size says 0.
  if (::ioctl(fd, TIOCGWINSZ, &seen) == 0 && seen.ws_col != 0 && seen.ws_row != 0) {
    size.rows = seen.ws_row;
    size.columns = seen.ws_col;
  }
  return size;
}

Colour colour_of(TaskState state) {
  switch (state) {
    case TaskState::running:
      return Colour::cyan;
    case TaskState::retrying:
      return Colour::yellow;
    case TaskState::dead:
      return Colour::red;
    case TaskState::succeeded:
      return Colour::green;
    case TaskState::cancelled:
      return Colour::dim;
    case TaskState::blocked:
    case TaskState::scheduled:
    case TaskState::ready:
      return Colour::plain;
  }
  return Colour::plain;
}

}  // namespace quern::cli
