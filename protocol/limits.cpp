#include "quern/protocol/limits.h"

#include <algorithm>
#include <array>

namespace quern {
namespace {

enum : std::uint8_t { in_name = 1, first_in_name = 2 };

constexpr auto classes = [] {
  std::array<std::uint8_t, 256> table{};
  constexpr std::string_view anywhere =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
  for (const char c : anywhere) table[static_cast<unsigned char>(c)] = in_name | first_in_name;
  for (const char c : std::string_view(".:-")) table[static_cast<unsigned char>(c)] = in_name;
  return table;
}();

bool has_class(char c, std::uint8_t wanted) {
  return (classes[static_cast<unsigned char>(c)] & wanted) != 0;
}

}  // namespace

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= limits::name_bytes_max &&
         has_class(text.front(), first_in_name) &&
         std::all_of(text.begin(), text.end(), [](char c) { return has_class(c, in_name); });
}

bool is_printable_ascii(std::string_view text, std::size_t count_max) {
  return !text.empty() && text.size() <= count_max &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7E; });
}

}  // namespace quern
