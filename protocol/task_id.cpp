#include "quern/protocol/task_id.h"

#include <cassert>
#include <cstring>

namespace quern {
namespace {

constexpr std::uint8_t version = 7;
constexpr std::uint8_t variant = 0b10;

constexpr std::uint8_t not_hex = 0xFF;

constexpr bool is_dash(std::size_t at) { return at == 8 || at == 13 || at == 18 || at == 23; }

constexpr auto hex_by_byte = [] {
  std::array<std::uint8_t, 256> digits{};
  digits.fill(not_hex);
  for (unsigned i = 0; i < 16; ++i) {
    // Lower case only: an id has one spelling, so that texts can be compared.
    digits[static_cast<unsigned char>("0123456789abcdef"[i])] = static_cast<std::uint8_t>(i);
  }
  return digits;
}();

std::uint64_t load_big_endian(const std::uint8_t* bytes) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < 8; ++i) word = word << 8 | bytes[i];
  return word;
}

void store_big_endian(std::uint8_t* bytes, std::uint64_t word) {
  for (std::size_t i = 8; i-- > 0; word >>= 8) bytes[i] = static_cast<std::uint8_t>(word);
}

}  // namespace

TaskId TaskId::from(const Parts& parts) {
  assert(parts.unix_ms < std::uint64_t{1} << 48);
  assert(parts.sequence <= sequence_max);
  assert(parts.partition < 1u << 6);
  assert(parts.queue <= queue_max);
  assert(parts.lane < 1u << 4);
  TaskId id;
  store_big_endian(id.bytes.data(),
                   parts.unix_ms << 16 | std::uint64_t{version} << 12 | parts.sequence);
  store_big_endian(id.bytes.data() + 8,
                   std::uint64_t{variant} << 62 | std::uint64_t{parts.partition} << 56 |
                       std::uint64_t{parts.queue} << 32 | std::uint64_t{parts.lane} << 28 |
                       (parts.random & 0x0FFF'FFFFu));
  return id;
}

TaskId TaskId::from_bytes(std::string_view sixteen_bytes) {
  TaskId id;
  assert(sixteen_bytes.size() == id.bytes.size());
  std::memcpy(id.bytes.data(), sixteen_bytes.data(), id.bytes.size());
  return id;
}

std::optional<TaskId> TaskId::parse(std::string_view text) {
  if (text.size() != text_size) return std::nullopt;
  TaskId id;
  std::size_t at = 0;
  for (std::uint8_t& byte : id.bytes) {
    if (is_dash(at) && text[at++] != '-') return std::nullopt;
    const std::uint8_t high = hex_by_byte[static_cast<unsigned char>(text[at++])];
    const std::uint8_t low = hex_by_byte[static_cast<unsigned char>(text[at++])];
    if (high == not_hex || low == not_hex) return std::nullopt;
    byte = static_cast<std::uint8_t>(high << 4 | low);
  }
  if (id.bytes[6] >> 4 != version || id.bytes[8] >> 6 != variant) return std::nullopt;
  return id;
}

std::uint64_t TaskId::unix_ms() const { return load_big_endian(bytes.data()) >> 16; }

std::uint32_t TaskId::sequence() const {
  return static_cast<std::uint32_t>((bytes[6] & 0x0Fu) << 8 | bytes[7]);
}

std::uint8_t TaskId::partition() const { return bytes[8] & 0x3F; }

std::uint32_t TaskId::queue() const {
  return static_cast<std::uint32_t>(bytes[9]) << 16 | static_cast<std::uint32_t>(bytes[10]) << 8 |
         bytes[11];
}

std::uint8_t TaskId::lane() const { return bytes[12] >> 4; }

std::array<char, TaskId::text_size> TaskId::chars() const {
  constexpr std::string_view digits = "0123456789abcdef";
  std::array<char, text_size> text;
  std::size_t at = 0;
  for (const std::uint8_t byte : bytes) {
    if (is_dash(at)) text[at++] = '-';
    text[at++] = digits[byte >> 4];
    text[at++] = digits[byte & 0x0F];
  }
  return text;
}

void TaskId::append_text(std::string& out) const {
  const auto text = chars();
  out.append(text.data(), text.size());
}

std::string TaskId::text() const {
  const auto text = chars();
  return {text.data(), text.size()};
}

}  // namespace quern

std::size_t std::hash<quern::TaskId>::operator()(const quern::TaskId& id) const noexcept {
  // The multipliers are odd and irregular (2^64 divided by the golden ratio; a prime of xxHash),
  // and the shift brings the well-mixed high bits down to where a hash table looks.
  const std::uint64_t when = quern::load_big_endian(id.bytes.data());
  const std::uint64_t where = quern::load_big_endian(id.bytes.data() + 8);
  std::uint64_t mixed = (when ^ (where * 0x9E37'79B9'7F4A'7C15)) * 0xC2B2'AE3D'27D4'EB4F;
  mixed ^= mixed >> 32;
  return mixed;
}
