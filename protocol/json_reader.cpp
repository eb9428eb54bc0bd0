#include "quern/protocol/json_reader.h"

#include <simdjson.h>

#include <array>
#include <cassert>
#include <charconv>
#include <limits>

#include "scan.h"
#include "utf8.h"

namespace quern {
namespace {

constexpr const char* too_deep = "nested too deeply";

constexpr std::uint8_t starts_nothing = 0xFF;

// The kind of value that a byte starts.
constexpr auto kind_by_byte = [] {
  std::array<std::uint8_t, 256> kinds{};
  kinds.fill(starts_nothing);
  const auto set = [&kinds](std::string_view bytes, JsonKind kind) {
    for (const char c : bytes) {
      kinds[static_cast<unsigned char>(c)] = static_cast<std::uint8_t>(kind);
    }
  };
  set("n", JsonKind::null);
  set("tf", JsonKind::boolean);
  set("-0123456789", JsonKind::number);
  set("\"", JsonKind::string);
  set("[", JsonKind::array);
  set("{", JsonKind::object);
  return kinds;
}();

constexpr bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

constexpr std::uint8_t not_hex = 0xFF;

constexpr auto hex_by_byte = [] {
  std::array<std::uint8_t, 256> digits{};
  digits.fill(not_hex);
  for (unsigned i = 0; i < 16; ++i) {
    digits[static_cast<unsigned char>("0123456789abcdef"[i])] = static_cast<std::uint8_t>(i);
    digits[static_cast<unsigned char>("0123456789ABCDEF"[i])] = static_cast<std::uint8_t>(i);
  }
  return digits;
}();

std::uint8_t hex_digit(char c) { return hex_by_byte[static_cast<unsigned char>(c)]; }

// Precondition: `text` starts with four hexadecimal digits.
std::uint32_t hex4(std::string_view text) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 4 | hex_digit(text[i]);
  return value;
}

char unescaped(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return c;  // " \ /
  }
}

// Takes the escape \uXXXX, or the two of a surrogate pair, from the front of `rest`, which begins
// after the first \u. False for a surrogate without its other half.
bool take_unicode_escape(std::string_view& rest, std::string& out) {
  std::uint32_t code_point = hex4(rest);
  rest.remove_prefix(4);
  if (code_point >= 0xD800 && code_point < 0xE000) {
    if (code_point >= 0xDC00 || !rest.starts_with("\\u")) return false;
    const std::uint32_t low = hex4(rest.substr(2));
    if (low < 0xDC00 || low >= 0xE000) return false;
    rest.remove_prefix(6);
    code_point = 0x10000 + ((code_point - 0xD800) << 10) + (low - 0xDC00);
  }
  append_utf8(out, code_point);
  return true;
}

// `body` is what stands between the quotes of a string that is known to be well-formed.
bool unescape(std::string_view body, std::string& out) {
  out.clear();
  while (true) {
    const std::size_t run = body.find('\\');
    out.append(body.substr(0, run));
    if (run == std::string_view::npos) return true;
    const char escape = body[run + 1];
    body.remove_prefix(run + 2);
    if (escape != 'u') {
      out.push_back(unescaped(escape));
    } else if (!take_unicode_escape(body, out)) {
      return false;
    }
  }
}

}  // namespace

// Which of the open levels are objects, one bit each.
class JsonReader::Levels {
 public:
  void set(std::size_t depth, bool is_object) {
    const std::uint64_t bit = std::uint64_t{1} << (depth % 64);
    std::uint64_t& word = words_[depth / 64];
    word = is_object ? word | bit : word & ~bit;
  }
  bool is_object(std::size_t depth) const { return (words_[depth / 64] >> (depth % 64) & 1) != 0; }

 private:
  std::array<std::uint64_t, depth_limit / 64 + 1> words_{};  // depths count from 1
};

JsonReader::JsonReader(std::string_view text, std::size_t depth_max)
    : text_(text), depth_max_(depth_max) {
  assert(depth_max <= depth_limit);
  if (!simdjson::validate_utf8(text.data(), text.size())) {
    at_ = utf8_valid_prefix(text);
    fail("not UTF-8");
  } else if (text.starts_with("\xEF\xBB\xBF")) {
    fail("a byte order mark");
  }
}

bool JsonReader::fail(const char* what) {
  if (!failed_) what_ = what;
  failed_ = true;
  return false;
}

Error JsonReader::error() const {
  assert(failed_);
  std::string detail = "not JSON at byte " + std::to_string(at_) + ": " + what_;
  if (what_ == too_deep) {
    detail += ", at most " + std::to_string(depth_max_) + " levels are accepted";
  } else if (at_ == text_.size()) {
    detail += ", found the end";
  }
  return Error{.code = ErrorCode::invalid_json, .detail = std::move(detail)};
}

// --- one value ----------------------------------------------------------------------------------

JsonKind JsonReader::peek() {
  if (failed_) return JsonKind::null;
  skip_space();
  const std::uint8_t kind =
      at_ < text_.size() ? kind_by_byte[static_cast<unsigned char>(text_[at_])] : starts_nothing;
  if (kind == starts_nothing) {
    fail("expected a value");
    return JsonKind::null;
  }
  return static_cast<JsonKind>(kind);
}

// Whether a value of this kind comes next.
bool JsonReader::comes(JsonKind kind) {
  // In this order: peek() itself may fail.
  return peek() == kind && !failed_;
}

bool JsonReader::read_null() { return comes(JsonKind::null) && skip_literal("null"); }

bool JsonReader::read_bool(bool& out) {
  if (!comes(JsonKind::boolean)) return false;
  out = at('t');
  return skip_literal(out ? "true" : "false");
}

// Consumes a number; empty when it is malformed.
std::string_view JsonReader::take_number() {
  const std::size_t start = at_;
  return skip_number() ? text_.substr(start, at_ - start) : std::string_view{};
}

bool JsonReader::read_int64(std::int64_t& out) {
  if (!comes(JsonKind::number)) return false;
  const std::string_view literal = take_number();
  if (failed_) return false;
  const char* const end = literal.data() + literal.size();
  // Stops at a fraction or exponent, which is then not the end.
  const auto [stop, problem] = std::from_chars(literal.data(), end, out);
  if (problem == std::errc{} && stop == end) return true;
  at_ -= literal.size();
  return false;
}

bool JsonReader::read_double(double& out) {
  if (!comes(JsonKind::number)) return false;
  const std::string_view literal = take_number();
  if (failed_) return false;
  const auto [stop, problem] =
      std::from_chars(literal.data(), literal.data() + literal.size(), out);
  if (problem == std::errc{}) return true;
  at_ -= literal.size();
  return false;
}

bool JsonReader::read_string(std::string& out) {
  return comes(JsonKind::string) && take_string(out);
}

// As read_string(), where a quote comes next.
bool JsonReader::take_string(std::string& out) {
  const std::size_t start = at_;
  bool escaped = false;
  if (!skip_string(escaped)) return false;
  const std::string_view body = text_.substr(start + 1, at_ - start - 2);
  if (!escaped) {
    out.assign(body);
    return true;
  }
  if (unescape(body, out)) return true;
  at_ = start;
  return false;
}

bool JsonReader::read_raw(std::string_view& raw) {
  if (failed_) return false;
  skip_space();
  const std::size_t start = at_;
  if (!skip_value()) return false;
  raw = text_.substr(start, at_ - start);
  return true;
}

bool JsonReader::finish() {
  if (failed_) return false;
  skip_space();
  return at_ == text_.size() || fail("something follows the value");
}

// --- objects and arrays -------------------------------------------------------------------------

// Consumes an opening bracket.
bool JsonReader::descend() {
  if (depth_ >= depth_max_) return fail(too_deep);
  ++depth_;
  ++at_;
  return true;
}

bool JsonReader::enter(JsonKind kind) {
  if (!comes(kind) || !descend()) return false;
  first_ = true;
  return true;
}

bool JsonReader::enter_object() { return enter(JsonKind::object); }

bool JsonReader::enter_array() { return enter(JsonKind::array); }

// Consumes what stands before the next member: a comma, or nothing before the first. False at the
// closing bracket, consumed.
bool JsonReader::separator(char close) {
  if (failed_) return false;
  assert(depth_ > 0);
  skip_space();
  if (at(close)) {
    ++at_;
    --depth_;
    first_ = false;
    return false;
  }
  if (first_) {
    first_ = false;
    return true;
  }
  if (!at(',')) return fail(close == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
  ++at_;
  skip_space();
  return true;
}

bool JsonReader::next_key(std::string& key) {
  if (!separator('}')) return false;
  if (!at('"')) return fail("expected a key in double quotes");
  if (!take_string(key)) return fail("a key with half of a surrogate pair");
  return skip_colon();
}

bool JsonReader::next_element() {
  if (!separator(']')) return false;
  return !at(']') || fail("expected a value after ','");
}

bool JsonReader::skip_colon() {
  skip_space();
  if (!at(':')) return fail("expected ':' after a key");
  ++at_;
  return true;
}

bool JsonReader::skip_key() {
  if (!at('"')) return fail("expected a key in double quotes");
  bool escaped = false;
  return skip_string(escaped) && skip_colon();
}

// --- checking without decoding ------------------------------------------------------------------

void JsonReader::skip_space() {
  while (at_ < text_.size() && is_space(text_[at_])) ++at_;
}

bool JsonReader::skip_value() {
  const JsonKind kind = peek();
  if (failed_) return false;
  return kind < JsonKind::array ? skip_scalar(kind) : skip_container();
}

bool JsonReader::skip_scalar(JsonKind kind) {
  bool escaped = false;
  switch (kind) {
    case JsonKind::null:
      return skip_literal("null");
    case JsonKind::boolean:
      return skip_literal(at('t') ? "true" : "false");
    case JsonKind::number:
      return skip_number();
    case JsonKind::string:
      return skip_string(escaped);
    case JsonKind::array:
    case JsonKind::object:
      break;
  }
  return false;
}

// A loop and one bit a level instead of recursion: the text must not choose how deep our stack is.
bool JsonReader::skip_container() {
  const std::size_t depth_outside = depth_;
  Levels levels;
  do {
    const JsonKind kind = peek();
    if (failed_) return false;
    if (kind < JsonKind::array) {
      if (!skip_scalar(kind)) return false;
    } else {
      if (!descend()) return false;
      levels.set(depth_, kind == JsonKind::object);
      first_ = true;
    }
    while (depth_ > depth_outside && !skip_to_value(levels)) {
      if (failed_) return false;
    }
  } while (depth_ > depth_outside);
  return true;
}

// Goes on to the innermost level's next value. False at its end, or when failed.
bool JsonReader::skip_to_value(Levels& levels) {
  return levels.is_object(depth_) ? separator('}') && skip_key() : next_element();
}

bool JsonReader::skip_string(bool& escaped) {
  ++at_;
  while (true) {
    at_ = find_string_special(text_, at_);
    if (at('"')) {
      ++at_;
      return true;
    }
    if (at_ == text_.size()) return fail("expected '\"' after a string");
    if (!at('\\')) return fail("a control character in a string: write it as an escape");
    escaped = true;
    if (!skip_escape()) return false;
  }
}

bool JsonReader::skip_escape() {
  ++at_;
  if (at_ == text_.size()) return fail("expected an escape");
  const char c = text_[at_];
  if (std::string_view("\"\\/bfnrtu").find(c) == std::string_view::npos) {
    return fail("expected an escape: one of \"\\/bfnrtu");
  }
  ++at_;
  if (c != 'u') return true;
  for (int i = 0; i < 4; ++i, ++at_) {
    if (at_ == text_.size() || hex_digit(text_[at_]) == not_hex) {
      return fail("expected four hexadecimal digits after \\u");
    }
  }
  return true;
}

bool JsonReader::skip_number() {
  if (at('-')) ++at_;
  if (at('0')) {
    ++at_;
    if (at_digit()) return fail("a number with a leading zero");
  } else if (!skip_digits()) {
    return false;
  }
  if (at('.')) {
    ++at_;
    if (!skip_digits()) return false;
  }
  if (at('e') || at('E')) {
    ++at_;
    if (at('+') || at('-')) ++at_;
    if (!skip_digits()) return false;
  }
  return true;
}

bool JsonReader::skip_digits() {
  if (!at_digit()) return fail("expected a digit");
  while (at_digit()) ++at_;
  return true;
}

bool JsonReader::skip_literal(std::string_view literal) {
  if (!text_.substr(at_).starts_with(literal)) return fail("expected null, true or false");
  at_ += literal.size();
  return true;
}

void append_pointer(std::string& pointer, std::string_view token) {
  pointer += '/';
  for (const char c : token) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
}

}  // namespace quern
