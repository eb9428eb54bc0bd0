// SHA-256, as tokens are stored.
//
// Threads  any.
// Source   FIPS 180-4, by OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace quern::access {

using Digest = std::array<std::uint8_t, 32>;

Digest sha256(std::string_view text);
// 64 lower-case hexadecimal digits.
std::string to_hex(const Digest& digest);
// Of either case; nullopt for anything else.
std::optional<Digest> digest_from_hex(std::string_view text);
// In a time that does not depend on where they differ.
bool same(const Digest& a, const Digest& b);

}  // namespace quern::access
