// How output looks: colours only where a person sees them, lines that fit the terminal.
//
// Source   no-color.org for NO_COLOR; ECMA-48 for the codes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "quern/protocol/task_state.h"

namespace quern::cli {

enum class Colour : std::uint8_t { plain, bold, dim, red, green, yellow, cyan };
enum class ColourWhen : std::uint8_t { automatic, always, never };

struct Look {
  bool coloured = false;
  std::size_t width = 0;  // columns of the terminal; 0: it is none, and nothing is cut

  std::string paint(Colour colour, std::string_view text) const;
};

// What suits the file behind `fd`. Automatic: colours on a terminal, unless NO_COLOR is set or TERM
// is dumb.
Look look_of(int fd, ColourWhen when);

// Whether the terminal knows none of those codes, by TERM.
bool terminal_is_dumb();

struct TerminalSize {
  std::size_t rows = 24;
  std::size_t columns = 80;
};
TerminalSize terminal_size(int fd);

Colour colour_of(TaskState state);

}  // namespace quern::cli
