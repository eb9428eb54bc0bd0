#include "quern/protocol/json_fields.h"

#include <algorithm>
#include <cassert>
#include <charconv>

#include "quern/protocol/json_writer.h"
#include "quern/protocol/limits.h"
#include "utf8.h"

namespace quern {
namespace {

constexpr std::size_t pointer_bytes_max = 512;
constexpr std::size_t detail_bytes_max = 1024;
// A value up to this size is shown in an error, a longer one only named.
constexpr std::size_t shown_bytes_max = 64;

void bound(std::string& text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return;
  text.resize(utf8_cut(text, bytes_max).size());
  text += "…";
}

std::string_view with_article(JsonKind kind) {
  switch (kind) {
    case JsonKind::null:
      return "null";
    case JsonKind::boolean:
      return "a boolean";
    case JsonKind::number:
      return "a number";
    case JsonKind::string:
      return "a string";
    case JsonKind::array:
      return "an array";
    case JsonKind::object:
      return "an object";
  }
  return "";
}

std::string_view shown(JsonKind kind, std::string_view raw) {
  const bool is_short = kind < JsonKind::array && raw.size() <= shown_bytes_max;
  return is_short ? raw : with_article(kind);
}

std::string shown(std::string_view text) {
  std::string out;
  if (text.size() <= shown_bytes_max) append_json_string(out, text);
  return out.empty() ? "a longer string" : out;
}

std::string shown(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

std::string range(std::int64_t min, std::int64_t max) {
  return std::to_string(min) + ".." + std::to_string(max);
}

std::string joined(std::span<const std::string_view> names) {
  std::string out;
  for (const std::string_view name : names) {
    if (!out.empty()) out += ", ";
    out += name;
  }
  return out;
}

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::size_t index_of(std::span<const std::string_view> names, std::string_view name) {
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

}  // namespace

// --- JsonValue ----------------------------------------------------------------------------------

JsonReader& JsonValue::reader() const { return body_.reader_; }

void JsonValue::consume() {
  assert(pending_);
  pending_ = false;
}

JsonKind JsonValue::kind() const {
  assert(pending_);
  return reader().peek();
}

bool JsonValue::take_null() {
  if (!reader().read_null()) return false;
  consume();
  return true;
}

std::string_view JsonValue::raw() {
  consume();
  std::string_view raw;
  return reader().read_raw(raw) ? raw : std::string_view{};
}

std::nullopt_t JsonValue::refuse(std::string_view expected) {
  const JsonKind found = reader().peek();
  const std::string_view value = raw();
  if (!reader().failed()) {
    error(std::string(expected).append(", not ").append(shown(found, value)));
  }
  return std::nullopt;
}

bool JsonValue::open_object() {
  if (!reader().enter_object()) return refuse("must be an object"), false;
  consume();
  return true;
}

bool JsonValue::open_array() {
  if (!reader().enter_array()) return refuse("must be an array"), false;
  consume();
  return true;
}

std::optional<bool> JsonValue::boolean() {
  bool value = false;
  if (!reader().read_bool(value)) return refuse("must be true or false");
  consume();
  return value;
}

std::optional<std::int64_t> JsonValue::integer(std::int64_t min, std::int64_t max) {
  std::int64_t value = 0;
  if (!reader().read_int64(value)) return refuse("must be an integer " + range(min, max));
  consume();
  if (value >= min && value <= max) return value;
  error("must be " + range(min, max) + ", not " + std::to_string(value));
  return std::nullopt;
}

std::optional<double> JsonValue::number(double min, double max) {
  const auto expected = [&] { return "must be a number from " + shown(min) + " to " + shown(max); };
  double value = 0;
  if (!reader().read_double(value)) return refuse(expected());
  consume();
  if (value >= min && value <= max) return value;
  error(expected() + ", not " + shown(value));
  return std::nullopt;
}

std::optional<Duration> JsonValue::duration(Duration min, Duration max) {
  const std::optional<std::int64_t> ms = integer(min.count(), max.count());
  if (!ms) return std::nullopt;
  return Duration{*ms};
}

std::optional<Timestamp> JsonValue::time() {
  return choice(parse_rfc3339, "must be an RFC 3339 time such as 2026-11-23T09:10:00.123Z");
}

std::optional<std::string> JsonValue::any_text(std::string_view expected) {
  std::string value;
  if (reader().read_string(value)) {
    consume();
    return value;
  }
  if (reader().failed() || reader().peek() != JsonKind::string) return refuse(expected);
  skip();
  error("must not hold half of a surrogate pair (\\uD800 to \\uDFFF)");
  return std::nullopt;
}

std::optional<std::string> JsonValue::text(std::size_t bytes_min, std::size_t bytes_max) {
  const auto expected = [&] {
    const std::string least = bytes_min == 0 ? "at most " : std::to_string(bytes_min) + "..";
    return "must be a string of " + least + std::to_string(bytes_max) + " bytes";
  };
  // Composed only when needed: most texts are right.
  if (kind() != JsonKind::string) return refuse(expected());
  std::optional<std::string> value = any_text({});
  if (!value || (value->size() >= bytes_min && value->size() <= bytes_max)) return value;
  error(expected() + ", not of " + std::to_string(value->size()));
  return std::nullopt;
}

std::optional<std::string> JsonValue::text(bool (*valid)(std::string_view),
                                           std::string_view expected) {
  std::optional<std::string> value = any_text(expected);
  if (!value || valid(*value)) return value;
  refuse_text(expected, *value);
  return std::nullopt;
}

std::optional<std::string> JsonValue::name_text() {
  return text(is_name,
              "must be a name: 1..128 of A-Z a-z 0-9 _ . : -, starting with none of . : -");
}

std::optional<std::string> JsonValue::printable(std::size_t bytes_max) {
  const auto expected = [&] {
    return "must be a string of 1.." + std::to_string(bytes_max) + " printable ASCII characters";
  };
  if (kind() != JsonKind::string) return refuse(expected());
  std::optional<std::string> value = any_text({});
  if (!value || is_printable_ascii(*value, bytes_max)) return value;
  refuse_text(expected(), *value);
  return std::nullopt;
}

void JsonValue::refuse_text(std::string_view expected, std::string_view found) {
  error(std::string(expected).append(", not ").append(shown(found)));
}

void JsonValue::error(std::string detail) { body_.add_error(pointer(), std::move(detail)); }

std::string JsonValue::pointer() const {
  std::string pointer = parent_ == nullptr ? std::string() : parent_->pointer();
  append_token(pointer);
  return pointer;
}

// --- JsonBody -----------------------------------------------------------------------------------

void JsonBody::add_error(std::string pointer, std::string detail) {
  ++error_count_;
  if (errors_.size() == errors_max) return;
  bound(pointer, pointer_bytes_max);
  bound(detail, detail_bytes_max);
  errors_.push_back({std::move(pointer), std::move(detail)});
}

Result<void> JsonBody::finish() {
  if (pending_) skip();
  if (!reader_.finish()) return reader_.error();
  if (errors_.empty()) return {};
  Error error = invalid_argument(errors_.front().pointer, errors_.front().detail);
  if (error_count_ > 1) {
    error.detail += " (and " + std::to_string(error_count_ - 1) + " more)";
  }
  error.fields = std::move(errors_);
  return error;
}

// --- JsonFields ---------------------------------------------------------------------------------

JsonFields::JsonFields(JsonValue& place, const JsonNames& names)
    : JsonValue(place.body(), &place, false),
      names_(&names),
      is_object_(place.open_object()),
      open_(is_object_) {
  assert(names.known.size() <= 64);
}

JsonFields::JsonFields(JsonValue& place, AnyName)
    : JsonValue(place.body(), &place, false), is_object_(place.open_object()), open_(is_object_) {}

bool JsonFields::next() {
  if (pending_) skip();
  while (open_ && reader().next_key(name_)) {
    pending_ = true;
    if (admit()) return true;
    skip();
  }
  open_ = false;
  return false;
}

bool JsonFields::admit() {
  if (names_ != nullptr) return admit_known();
  if (given_any_.insert(name_).second) return true;
  error("is given twice");
  return false;
}

bool JsonFields::admit_known() {
  index_ = index_of(names_->known, name_);
  if (index_ < names_->known.size()) {
    const std::uint64_t bit = std::uint64_t{1} << index_;
    const bool first = (given_ & bit) == 0;
    given_ |= bit;
    if (!first) error("is given twice");
    return first;
  }
  if (contains(names_->read_only, name_)) {
    error("is read-only: leave it out");
  } else {
    error("is not " + std::string(names_->noun) + "; known: " + joined(names_->known));
  }
  return false;
}

bool JsonFields::given(std::string_view name) const {
  assert(names_ != nullptr && contains(names_->known, name));
  return (given_ >> index_of(names_->known, name) & 1) != 0;
}

void JsonFields::require(std::string_view name) {
  if (!is_object_ || reader().failed() || given(name)) return;
  std::string missing = parent_->pointer();
  append_pointer(missing, name);
  body().add_error(std::move(missing), "is required");
}

void JsonFields::append_token(std::string& pointer) const { append_pointer(pointer, name_); }

// --- JsonItems ----------------------------------------------------------------------------------

JsonItems::JsonItems(JsonValue& place, std::size_t count_max)
    : JsonValue(place.body(), &place, false),
      place_(place),
      count_max_(count_max),
      is_array_(place.open_array()),
      open_(is_array_) {}

bool JsonItems::next() {
  if (pending_) skip();
  bool too_many = false;
  while (open_ && reader().next_element()) {
    pending_ = true;
    if (count_ < count_max_) {
      ++count_;
      return true;
    }
    if (!too_many) place_.error("must have at most " + std::to_string(count_max_) + " items");
    too_many = true;
    skip();
  }
  open_ = false;
  return false;
}

void JsonItems::append_token(std::string& pointer) const {
  append_pointer(pointer, std::to_string(index()));
}

}  // namespace quern
