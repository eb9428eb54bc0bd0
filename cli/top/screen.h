// The whole terminal for as long as the object lives: alternate screen, keys without Enter. Given
// back as it was at the end, also after a signal that ends programs, which read_key() reports as a
// quit, and for as long as the process is suspended by Ctrl-Z.
#pragma once

#include <termios.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "look.h"

namespace quern::cli {

struct Key {
  enum Kind : std::uint8_t { none, character, up, down, page_up, page_down, quit };
  Kind kind = none;
  char character_typed = '\0';
  int signal = 0;  // the one that quits; 0: the person does
};

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

  // The next key, after at most `time_max`; none at once when the size has changed.
  Key read_key(std::chrono::milliseconds time_max);

 private:
  void take();
  void give_back();
  Key take_signal();

  termios before_{};
  bool taken_ = false;
  int signals_ = -1;
  std::string typed_;  // read, but not yet taken as keys
};

}  // namespace quern::cli
