// A task's id: a UUIDv7 whose random bits say where the task lives, so that an id finds its record
// without an index.
//
// Shape    16 bytes, big endian, which sort in order of submission within one lane of one queue:
//            48 bits  unix_ms      when it was made; may run slightly ahead, since ids never
//                                  repeat or go back
//             4 bits  version      7
//            12 bits  sequence     within the millisecond
//             2 bits  variant      0b10
//             6 bits  partition    which engine owns it (0 while there is one)
//            24 bits  queue        number of the queue that it was submitted to: its home
//             4 bits  lane         0..9: ready at once, with this priority;
//                                  lane_later: it had to wait first
//            28 bits  random
//          Text: canonical lower case, 8-4-4-4-12.
// Source   RFC 9562 section 5.7. The layout reaches disk and clients: it never changes.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace quern {

struct TaskId {
  static constexpr std::uint8_t lane_later = 10;
  static constexpr std::uint32_t sequence_max = (1u << 12) - 1;
  static constexpr std::uint32_t queue_max = (1u << 24) - 1;

  struct Parts {
    std::uint64_t unix_ms = 0;
    std::uint32_t sequence = 0;
    std::uint8_t partition = 0;
    std::uint32_t queue = 0;
    std::uint8_t lane = 0;
    std::uint32_t random = 0;  // the low 28 bits count
  };

  std::array<std::uint8_t, 16> bytes{};

  static TaskId from(const Parts& parts);
  static TaskId from_bytes(std::string_view sixteen_bytes);  // precondition: size 16
  // Only canonical lower-case UUIDv7 text; anything else is nullopt.
  static std::optional<TaskId> parse(std::string_view text);

  std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  std::uint64_t unix_ms() const;
  std::uint32_t sequence() const;
  std::uint8_t partition() const;
  std::uint32_t queue() const;
  std::uint8_t lane() const;

  static constexpr std::size_t text_size = 36;
  std::array<char, text_size> chars() const;  // of the text
  void append_text(std::string& out) const;
  std::string text() const;

  auto operator<=>(const TaskId&) const = default;
};

}  // namespace quern

template <>
struct std::hash<quern::TaskId> {
  std::size_t operator()(const quern::TaskId& id) const noexcept;
};
