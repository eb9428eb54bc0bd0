// Finds the bytes of a JSON string that need a second look, eight at a time.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace quern {

// Quotes, backslashes and control characters: what ends, escapes or breaks a string.
constexpr bool is_string_special(char c) {
  return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
}

// The high bit of each byte of `word` that is special. Exact up to the lowest one; a borrow may
// set bits above it (Hacker's Delight, section 6-1).
constexpr std::uint64_t string_special_bits(std::uint64_t word) {
  constexpr std::uint64_t ones = 0x0101010101010101;
  constexpr std::uint64_t highs = 0x8080808080808080;
  const std::uint64_t quote = word ^ (ones * '"');
  const std::uint64_t backslash = word ^ (ones * '\\');
  const std::uint64_t found = ((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) |
                              ((backslash - ones) & ~backslash);
  return found & highs;
}

// The offset of the first special byte at or after `at`, or text.size().
inline std::size_t find_string_special(std::string_view text, std::size_t at) {
  if constexpr (std::endian::native == std::endian::little) {
    for (; at + sizeof(std::uint64_t) <= text.size(); at += sizeof(std::uint64_t)) {
      std::uint64_t word;
      std::memcpy(&word, text.data() + at, sizeof word);
      const std::uint64_t bits = string_special_bits(word);
      if (bits != 0) return at + static_cast<std::size_t>(std::countr_zero(bits)) / 8;
    }
    // The rest, if half a word or more, is read as two halves that overlap. Behind it are zeros,
    // which are special: so it ends there at the latest.
    if (const std::size_t left = text.size() - at; left >= sizeof(std::uint32_t)) {
      std::uint32_t low;
      std::uint32_t high;
      std::memcpy(&low, text.data() + at, sizeof low);
      std::memcpy(&high, text.data() + text.size() - sizeof high, sizeof high);
      const std::uint64_t word = low | std::uint64_t{high} << 8 * (left - sizeof high);
      return at + static_cast<std::size_t>(std::countr_zero(string_special_bits(word))) / 8;
    }
  }
  while (at < text.size() && !is_string_special(text[at])) ++at;
  return at;
}

}  // namespace quern
