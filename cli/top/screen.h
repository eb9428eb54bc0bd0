// The whole terminal for as long as the object lives: alternate screen, keys without Enter. Given
// back as it was at the end, also after Ctrl-C and SIGTERM, which read_key() reports as a quit.
#pragma once

#include <termios.h>

#include <chrono>
#include <string>
#include <vector>

#include "look.h"

namespace quern::cli {

class Screen {
 public:
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  TerminalSize size() const;
  // Shows `lines`, cut by the caller, from the top; the rest of the screen is blank. One write, in
  // which no line is blank before it is drawn: nothing flickers.
  void draw(const std::vector<std::string>& lines);

  static constexpr char quit = 'q';
  static constexpr char resized = '\x01';
  static constexpr char nothing = '\0';
  // The next key, or one of the above, after at most `time_max`.
  char read_key(std::chrono::milliseconds time_max);

 private:
  termios before_{};
  int signals_ = -1;
};

}  // namespace quern::cli
