// What `top` shows: a pure function of what was seen, what the person chose, and the screen.
#pragma once

#include <string>
#include <vector>

#include "look.h"
#include "top/watch.h"

namespace quern::cli {

struct View {
  char sort = 'o';        // one of sort_keys
  std::size_t first = 0;  // rows scrolled past; draw_frame() keeps it in range
};

inline constexpr std::string_view sort_keys = "onrud";

// How many rows a screen of this height shows at once.
std::size_t rows_visible(std::size_t screen_rows);

// The lines of the screen, at most `size.rows`, none wider than `size.columns`.
std::vector<std::string> draw_frame(const Snapshot& seen, View& view, const std::string& server,
                                    const Look& look, TerminalSize size);

}  // namespace quern::cli
