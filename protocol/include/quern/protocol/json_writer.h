// Appends JSON to a string: the few calls that our messages need, without an intermediate tree.
//
// Shape    compact output; keys in the order of the calls. Commas are put by the writer. It does
//          not check that the calls nest: that is the caller's.
// Threads  one writer, one thread.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "quern/protocol/timestamp.h"

namespace quern {

class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(std::string_view name);  // escapes as strings are

  JsonWriter& string(std::string_view utf8);
  JsonWriter& number(std::int64_t value);
  JsonWriter& number(std::uint64_t value);
  JsonWriter& number(double value);  // finite; shortest form that reads back the same
  // The other widths, which would be ambiguous above.
  template <std::integral T>
  requires(!std::same_as<T, bool> && !std::same_as<T, char>) JsonWriter& number(T value) {
    if constexpr (std::unsigned_integral<T>) {
      return number(static_cast<std::uint64_t>(value));
    } else {
      return number(static_cast<std::int64_t>(value));
    }
  }
  JsonWriter& boolean(bool value);
  JsonWriter& null();
  JsonWriter& time(Timestamp t);           // RFC 3339
  JsonWriter& raw(std::string_view json);  // exactly these bytes

 private:
  void comma();

  std::string& out_;
  bool comma_due_ = false;
};

// Appends `utf8` as a JSON string, quotes included.
void append_json_string(std::string& out, std::string_view utf8);

}  // namespace quern
