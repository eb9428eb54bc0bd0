// ASCII text as header fields have it: no locale, no letters beyond A to Z.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace quern::http {

constexpr char lower_case(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lower_case(std::string_view text);
bool equals_ignoring_case(std::string_view a, std::string_view b);
// Without spaces and tabs at both ends.
std::string_view trimmed(std::string_view text);

constexpr bool is_visible(char c) { return c > 0x20 && c < 0x7F; }

// The value of a hexadecimal digit, or -1.
constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (lower_case(c) >= 'a' && lower_case(c) <= 'f') return lower_case(c) - 'a' + 10;
  return -1;
}

}  // namespace quern::http
