// Fixed-width integers as bytes, the most significant first.
#pragma once

#include <cassert>
#include <concepts>
#include <string>
#include <string_view>

namespace quern::storage {

template <std::unsigned_integral T>
void append_big_endian(std::string& bytes, T value) {
  for (std::size_t i = sizeof(T); i-- > 0;) bytes.push_back(static_cast<char>(value >> (8 * i)));
}

// The first bytes of `bytes`.
template <std::unsigned_integral T>
T read_big_endian(std::string_view bytes) {
  assert(bytes.size() >= sizeof(T));
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>((value << 8) | static_cast<unsigned char>(bytes[i]));
  }
  return value;
}

}  // namespace quern::storage
