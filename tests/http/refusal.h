// Refusals as short texts, for tables: "invalid_argument /type is required | /a must be …".
#pragma once

#include <string>

#include "quern/protocol/result.h"

namespace quern::http {

template <typename T>
std::string refusal(const Result<T>& result) {
  if (result) return "ok";
  const Error& error = result.error();
  std::string out(to_string(error.code));
  for (const FieldError& field : error.fields) {
    out += (&field == &error.fields.front() ? " " : " | ") + field.pointer + ": " + field.detail;
  }
  return out;
}

// Whether every one of a table's refusals starts as expected: details may say more.
template <typename T>
bool refused_as(const Result<T>& result, std::string_view expected) {
  return refusal(result).starts_with(expected);
}

}  // namespace quern::http
