#include "idempotency.h"

#include <openssl/rand.h>
#include <openssl/sha.h>

#include <array>
#include <span>
#include <stdexcept>

namespace quern::sdk {
namespace {

std::string hex(std::span<const unsigned char> bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

}  // namespace

std::string random_key() {
  std::array<unsigned char, 16> bytes{};
  // OpenSSL's generator stays different in the two processes after a fork. Equal keys would make
  // two tasks into one.
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    throw std::runtime_error("the system has no random bytes for an idempotency key");
  }
  return hex(bytes);
}

std::string derived_key(std::string_view parent_id, const NewTask& follow_up,
                        std::uint32_t occurrence) {
  // Names cannot contain a line feed, so the parts cannot be mistaken for each other.
  const std::string content = follow_up.queue + "\n" + follow_up.type + "\n" + follow_up.payload;
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(content.data()), content.size(), digest.data());
  return std::string(parent_id) + ":" + hex(std::span(digest).first<16>()) + ":" +
         std::to_string(occurrence);
}

}  // namespace quern::sdk
