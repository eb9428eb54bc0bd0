#include "access/new_token.h"

#include <openssl/rand.h>

#include <array>
#include <cstdint>
#include <string_view>

namespace quern::access {
namespace {

std::string base64url(const std::array<unsigned char, 32>& bytes) {
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  std::uint32_t bits = 0;
  unsigned held = 0;  // bits not written yet
  for (const unsigned char byte : bytes) {
    bits = bits << 8 | byte;
    for (held += 8; held >= 6;) text += alphabet[bits >> (held -= 6) & 0x3F];
  }
  if (held > 0) text += alphabet[bits << (6 - held) & 0x3F];
  return text;
}

}  // namespace

Result<std::string> random_token() {
  std::array<unsigned char, 32> bytes{};
  if (RAND_priv_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return Error{.code = ErrorCode::internal, .detail = "the system has no random numbers"};
  }
  return "qt_" + base64url(bytes);
}

}  // namespace quern::access
