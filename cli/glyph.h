// Characters as a terminal shows them.
//
// Source   widths from the C library's wcwidth(); the bidirectional controls from UAX #9.
#pragma once

#include <cstddef>
#include <string_view>

namespace quern::cli {

struct Glyph {
  std::string_view bytes;   // at least one; a byte that begins no UTF-8 stands alone
  std::size_t columns = 1;  // 0: joins the one before it, 2: a wide one
  bool harmless = true;     // no control, no turn of the reading direction, and valid UTF-8
};

// Takes the first glyph from `text`, which is not empty.
Glyph take_glyph(std::string_view& text);

}  // namespace quern::cli
