// Reading the server's answers leniently: a field that we do not know, or whose type is not the one
// we expect, is skipped, so that a newer server can say more than we understand.
#pragma once

#include <string>
#include <string_view>

#include "quern/protocol/json_reader.h"

namespace quern::sdk {

// For every field of the object that comes next: `on_field(key)` consumes the value and returns
// true, or leaves it where it is and returns false. False when the next value is no object or is
// malformed.
template <typename OnField>
bool read_object(JsonReader& json, const OnField& on_field) {
  if (!json.enter_object()) return false;
  std::string key;
  std::string_view skipped;
  while (json.next_key(key)) {
    if (!on_field(std::string_view(key)) && !json.failed()) json.read_raw(skipped);
  }
  return !json.failed();
}

// The same for the elements of an array.
template <typename OnElement>
bool read_array(JsonReader& json, const OnElement& on_element) {
  if (!json.enter_array()) return false;
  std::string_view skipped;
  while (json.next_element()) {
    if (!on_element() && !json.failed()) json.read_raw(skipped);
  }
  return !json.failed();
}

}  // namespace quern::sdk
