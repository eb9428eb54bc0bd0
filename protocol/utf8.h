// The little of UTF-8 that JSON needs beyond the fast check, which is simdjson's.
//
// Source   RFC 3629.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace quern {

// How many bytes are well-formed before the first that is not; slow, for error messages.
std::size_t utf8_valid_prefix(std::string_view text);

// Precondition: not a surrogate, at most U+10FFFF.
void append_utf8(std::string& out, std::uint32_t code_point);

// The longest prefix of well-formed `text` within `bytes_max` that does not split a character.
std::string_view utf8_cut(std::string_view text, std::size_t bytes_max);

}  // namespace quern
