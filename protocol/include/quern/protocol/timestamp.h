// Wall-clock instants and durations, to the millisecond.
//
// Shape    Timestamp: ms since the Unix epoch, UTC; on the wire RFC 3339 with exactly three
//          decimals and Z: "2026-11-23T09:10:00.123Z".
//          Duration: ms; on the wire an integer named *_ms.
// Source   RFC 3339.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace quern {

using Duration = std::chrono::milliseconds;

struct Timestamp {
  std::int64_t ms = 0;

  auto operator<=>(const Timestamp&) const = default;
  Timestamp operator+(Duration d) const { return {ms + d.count()}; }
  Timestamp operator-(Duration d) const { return {ms - d.count()}; }
  Duration operator-(Timestamp other) const { return Duration{ms - other.ms}; }
};

// Years 0000..9999; an instant beyond them is shown as the nearest of them.
void append_rfc3339(std::string& out, Timestamp t);
std::string to_rfc3339(Timestamp t);

// Accepts any RFC 3339 date-time (offsets, any number of decimals, which are cut to ms), except a
// leap second; nullopt for anything else and for instants outside 1970..9999.
std::optional<Timestamp> parse_rfc3339(std::string_view text);

}  // namespace quern
