#include "quern/protocol/json_writer.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cmath>

#include "scan.h"

namespace quern {
namespace {

template <typename Number>
void append_number(std::string& out, Number value) {
  // The longest is a double such as -2.2250738585072014e-308: 24 bytes.
  char text[32];
  const auto [end, problem] = std::to_chars(text, text + sizeof text, value);
  assert(problem == std::errc{});
  out.append(text, end);
}

void append_escape(std::string& out, char c) {
  switch (c) {
    case '"':
    case '\\':
      out += '\\';
      out += c;
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  constexpr std::string_view digits = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  out += "\\u00";
  out += digits[byte >> 4];
  out += digits[byte & 0xF];
}

// Appends `utf8` as a JSON string, with a comma before it and a colon behind it if asked for.
void append_token(std::string& out, bool comma, std::string_view utf8, bool colon) {
  // Nearly all are short and plain: put together first, they cost `out` one append instead of five.
  char text[68];
  if (utf8.size() > sizeof text - 4 || find_string_special(utf8, 0) != utf8.size()) {
    if (comma) out += ',';
    append_json_string(out, utf8);
    if (colon) out += ':';
    return;
  }
  char* end = text;
  if (comma) *end++ = ',';
  *end++ = '"';
  end = std::copy(utf8.begin(), utf8.end(), end);
  *end++ = '"';
  if (colon) *end++ = ':';
  out.append(text, static_cast<std::size_t>(end - text));
}

}  // namespace

void append_json_string(std::string& out, std::string_view utf8) {
  out += '"';
  for (std::size_t at = 0; at < utf8.size(); ++at) {
    const std::size_t run = at;
    at = find_string_special(utf8, at);
    out.append(utf8, run, at - run);
    if (at < utf8.size()) append_escape(out, utf8[at]);
  }
  out += '"';
}

void JsonWriter::comma() {
  if (comma_due_) out_ += ',';
  comma_due_ = true;
}

JsonWriter& JsonWriter::begin_object() {
  comma();
  out_ += '{';
  comma_due_ = false;
  return *this;
}

JsonWriter& JsonWriter::end_object() {
  out_ += '}';
  comma_due_ = true;
  return *this;
}

JsonWriter& JsonWriter::begin_array() {
  comma();
  out_ += '[';
  comma_due_ = false;
  return *this;
}

JsonWriter& JsonWriter::end_array() {
  out_ += ']';
  comma_due_ = true;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  append_token(out_, comma_due_, name, true);
  comma_due_ = false;
  return *this;
}

JsonWriter& JsonWriter::string(std::string_view utf8) {
  append_token(out_, comma_due_, utf8, false);
  comma_due_ = true;
  return *this;
}

JsonWriter& JsonWriter::number(std::int64_t value) {
  comma();
  append_number(out_, value);
  return *this;
}

JsonWriter& JsonWriter::number(std::uint64_t value) {
  comma();
  append_number(out_, value);
  return *this;
}

JsonWriter& JsonWriter::number(double value) {
  assert(std::isfinite(value));
  comma();
  append_number(out_, value);
  return *this;
}

JsonWriter& JsonWriter::boolean(bool value) {
  comma();
  out_ += value ? "true" : "false";
  return *this;
}

JsonWriter& JsonWriter::null() {
  comma();
  out_ += "null";
  return *this;
}

JsonWriter& JsonWriter::time(Timestamp t) {
  comma();
  out_ += '"';
  append_rfc3339(out_, t);
  out_ += '"';
  return *this;
}

JsonWriter& JsonWriter::raw(std::string_view json) {
  comma();
  out_ += json;
  return *this;
}

}  // namespace quern
