#include "text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <limits>
#include <utility>

#include "glyph.h"

namespace quern::cli {
namespace {

struct Unit {
  std::string_view shown;
  std::string_view typed;
  std::int64_t ms;
};
constexpr std::array<Unit, 5> units{{
    {"d", "d", 86'400'000},
    {"h", "h", 3'600'000},
    {"min", "m", 60'000},
    {"s", "s", 1'000},
    {"ms", "ms", 1},
}};

// Takes one number with its unit from the front.
std::optional<std::int64_t> take_part(std::string_view& text) {
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || count < 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  const std::size_t letters = std::min(text.find_first_of("0123456789"), text.size());
  for (const Unit& unit : units) {
    if (text.substr(0, letters) != unit.typed) continue;
    if (count > std::numeric_limits<std::int64_t>::max() / 1'000 / unit.ms) return std::nullopt;
    text.remove_prefix(letters);
    return count * unit.ms;
  }
  return std::nullopt;
}

}  // namespace

std::string duration_text(Duration duration) {
  for (const Unit& unit : units) {
    if (duration.count() < unit.ms) continue;
    return std::to_string(duration.count() / unit.ms) + " " + std::string(unit.shown);
  }
  return "0 s";
}

std::string exact_text(Duration duration) {
  std::string text;
  std::int64_t ms = duration.count();
  for (const Unit& unit : units) {
    if (ms >= unit.ms) text += std::to_string(ms / unit.ms) + std::string(unit.typed);
    ms %= unit.ms;
  }
  return text.empty() ? "0s" : text;
}

std::string relative_text(Timestamp time, Timestamp now) {
  const Duration distance = now - time;
  if (distance > Duration{0}) return duration_text(distance) + " ago";
  return distance < Duration{0} ? "in " + duration_text(-distance) : "now";
}

std::optional<Duration> parse_duration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::int64_t ms = 0;
  while (!text.empty()) {
    const auto part = take_part(text);
    if (!part) return std::nullopt;
    ms += *part;
  }
  return Duration{ms};
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Glyph glyph = take_glyph(text);
    if (glyph.bytes == "\n" || glyph.bytes == "\t") {
      out += ' ';
    } else if (glyph.harmless) {
      out += glyph.bytes;
    } else {
      out += '?';
    }
  }
  return out;
}

std::string shortened(std::string_view text, std::size_t columns_max) {
  std::string out = printable(text);
  if (columns(out) <= columns_max) return out;
  return cut(out, columns_max - 1) + "…";
}

std::string cut(std::string_view line, std::size_t columns_max) {
  std::string out;
  std::size_t taken = 0;
  while (!line.empty()) {
    if (line.front() == '\x1b') {
      const std::size_t end = std::min(line.find('m') + 1, line.size());
      out += line.substr(0, end);
      line.remove_prefix(end);
      continue;
    }
    const Glyph glyph = take_glyph(line);
    // Nothing is taken behind the cut, also not what is narrow enough.
    taken += glyph.columns;
    if (taken <= columns_max) out += glyph.bytes;
  }
  return out;
}

std::size_t columns(std::string_view text) {
  std::size_t taken = 0;
  while (!text.empty()) taken += take_glyph(text).columns;
  return taken;
}

std::string wrapped(std::string_view text, std::size_t columns_max, std::string_view line_end) {
  std::string out;
  const std::size_t indent = line_end.size() - 1;  // of all lines but the first
  std::size_t taken = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t needed = columns(word);
    if (taken != 0 && taken + 1 + needed > columns_max) {
      out += line_end;
      taken = indent;
    } else if (taken != 0) {
      out += ' ';
      ++taken;
    }
    out += word;
    taken += needed;
  }
  return out;
}

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}

Timestamp wall_clock_now() {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<Duration>(since_epoch).count()};
}

}  // namespace quern::cli
