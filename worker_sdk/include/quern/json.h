// Payloads, results and the like from and to nlohmann::json, for programs that use that library.
//
//   client.submit({.type = "send", .payload = quern::json_text({{"to", "ada@example.com"}})});
//   const auto mail = quern::json_of<Mail>(context.payload());
//
// Not part of <quern/quern.h>: who brings another JSON library, or writes text, pays nothing. Text
// that must survive byte for byte (1e400, duplicate keys) is better left as text: this library does
// not keep it.
//
// Errors   nlohmann::json::exception. Thrown out of a handler it fails the attempt, retryable;
//          catch it and throw quern::Permanent where another attempt cannot help.
// Source   https://json.nlohmann.me
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace quern {

// `value` as JSON text. Takes whatever converts to nlohmann::json, your own types with a to_json()
// included. Bytes that are not UTF-8 throw.
inline std::string json_text(const nlohmann::json& value) { return value.dump(); }

// `text` as a T: a nlohmann::json, or whatever that converts to. Empty text, as in a field that has
// no value yet, reads as null.
template <typename T = nlohmann::json>
T json_of(std::string_view text) {
  if (text.empty()) text = "null";
  return nlohmann::json::parse(text).get<T>();
}

}  // namespace quern
