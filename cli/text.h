// How things look to a person: times, durations, and text from strangers.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "quern/protocol/timestamp.h"

namespace quern::cli {

// "850 ms", "12 s", "3 min", "5 h", "2 d": one unit, cut off.
std::string duration_text(Duration duration);
// "1m30s": exactly, and as it is typed.
std::string exact_text(Duration duration);
// "12 s ago", "in 3 min", "now".
std::string relative_text(Timestamp time, Timestamp now);

// "500ms", "90s", "5m", "1h30m", "2d". nullopt without a unit.
std::optional<Duration> parse_duration(std::string_view text);

// `text` on one line, without control characters and what turns the reading direction: a task's
// words must not drive the terminal.
std::string printable(std::string_view text);
// The same, and at most `columns_max` (at least 1) wide, with … at the cut.
std::string shortened(std::string_view text, std::size_t columns_max);
// The first `columns_max` columns of a line that is printable but for the colours of Look::paint(),
// of which none is lost.
std::string cut(std::string_view line, std::size_t columns_max);
// Columns that printable text takes on a terminal.
std::size_t columns(std::string_view text);

// Running text in lines of at most `columns_max` columns, but for words that are longer.
std::string wrapped(std::string_view text, std::size_t columns_max,
                    std::string_view line_end = "\n");

// "1,234,567"
std::string grouped(std::uint64_t number);

Timestamp wall_clock_now();

}  // namespace quern::cli
