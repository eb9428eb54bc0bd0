// Decodes a request body strictly: every field by name, type and range, with the JSON Pointer of
// whatever is wrong, and all that is wrong in one go.
//
//   JsonReader reader(text);
//   JsonBody body(reader);
//   JsonFields task(body, task_names);
//   while (task.next()) {
//     if (task.name() == "priority") {
//       if (auto priority = task.integer(0, 9)) out.priority = *priority;
//     } else if (task.name() == "tags") {
//       JsonItems tags(task, 10);
//       while (tags.next()) {
//         if (auto tag = tags.text(1, 64)) out.tags.push_back(*std::move(tag));
//       }
//     }
//   }
//   task.require("type");
//   if (auto done = body.finish(); !done) return std::move(done).error();
//
// Shape    A JsonValue is a place whose value comes next: the whole body, one object's current
//          field or one array's current item. Objects and arrays open on the place that holds them
//          and borrow it, so they nest as C++ blocks do; loops run to their end, without `break`.
//          What is not read is checked as JSON and skipped.
// Threads  one body, one thread.
// Errors   A reading call answers nullopt after recording why. What is not JSON stops everything:
//          every next() is false from then on and finish() says invalid_json. Field errors
//          do not stop it; finish() returns them together as invalid_argument.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "quern/protocol/json_reader.h"
#include "quern/protocol/result.h"
#include "quern/protocol/timestamp.h"

namespace quern {

// The fields that an object may have. Any other is refused with "is not <noun>; known: …".
struct JsonNames {
  std::string_view noun;                    // as in "a setting"
  std::span<const std::string_view> known;  // at most 64
  // What we show in the same object, and refuse from others with that reason.
  std::span<const std::string_view> read_only{};
};

// In their place: the field names are the client's own, as in `metadata`.
struct AnyName {};
inline constexpr AnyName any_name;

class JsonBody;

// A place whose value comes next. Each reading call consumes that value, whatever it is.
class JsonValue {
 public:
  JsonValue(const JsonValue&) = delete;
  JsonValue& operator=(const JsonValue&) = delete;

  // Of the value that comes next. Precondition: it was not consumed yet.
  JsonKind kind() const;

  // Consumes a null and says true; anything else is left for another call.
  bool take_null();
  std::optional<bool> boolean();
  // A literal without fraction or exponent, both bounds included.
  std::optional<std::int64_t> integer(std::int64_t min, std::int64_t max);
  std::optional<double> number(double min, double max);
  std::optional<Duration> duration(Duration min, Duration max);
  std::optional<Timestamp> time();  // an RFC 3339 string
  // A string of so many bytes of UTF-8, which may hold any character, U+0000 too.
  std::optional<std::string> text(std::size_t bytes_min, std::size_t bytes_max);
  // A string for which `valid` holds; `expected` completes the error: "must be a name".
  std::optional<std::string> text(bool (*valid)(std::string_view), std::string_view expected);
  std::optional<std::string> name_text();                       // limits.h: is_name
  std::optional<std::string> printable(std::size_t bytes_max);  // limits.h: is_printable_ascii
  // A string that `from` turns into an optional: choice(task_state_from, "must be a state").
  template <typename From>
  auto choice(From from, std::string_view expected) -> decltype(from(std::string_view{}));
  // Any value, as the bytes that the client wrote. Empty only when the text is not JSON.
  std::string_view raw();
  void skip() { raw(); }

  // Records what is wrong with this value: "must be …", "is …". Before or after reading it.
  void error(std::string detail);
  // RFC 6901, from the body's root: "/tasks/3/retry/base_ms".
  std::string pointer() const;

  JsonBody& body() const { return body_; }

 protected:
  // `parent` is null for the body itself.
  JsonValue(JsonBody& body, const JsonValue* parent, bool pending)
      : body_(body), parent_(parent), pending_(pending) {}
  ~JsonValue() = default;

 private:
  friend class JsonBody;
  friend class JsonFields;
  friend class JsonItems;

  // The last reference token of pointer(); the body has none.
  virtual void append_token(std::string& pointer) const = 0;

  JsonReader& reader() const;
  void consume();
  // True when the value is an object (array), whose members then come next. Anything else is
  // recorded and skipped.
  bool open_object();
  bool open_array();
  // Records "<expected>, not <what is there>" and skips the value.
  std::nullopt_t refuse(std::string_view expected);
  void refuse_text(std::string_view expected, std::string_view found);
  // A string of any content; `expected` is said of other kinds.
  std::optional<std::string> any_text(std::string_view expected);

  JsonBody& body_;
  const JsonValue* parent_;
  bool pending_;  // the value is still to be read
};

// The outermost place, and what was found wrong anywhere in it.
class JsonBody final : public JsonValue {
 public:
  static constexpr std::size_t errors_max = 20;  // more are counted, not listed

  explicit JsonBody(JsonReader& reader) : JsonValue(*this, nullptr, true), reader_(reader) {}

  // Also for what stands beside the body: a header is "Idempotency-Key". A pointer and a detail
  // are bounded, so that a hostile key does not come back as a large answer.
  void add_error(std::string pointer, std::string detail);
  bool ok() const { return error_count_ == 0 && !reader_.failed(); }

  // Once, at the end. The text must be over:
  //   invalid_json      it is not JSON, or goes on after the value
  //   invalid_argument  the field errors, if there are any
  Result<void> finish();

 private:
  friend class JsonValue;

  void append_token(std::string&) const override {}

  JsonReader& reader_;
  std::vector<FieldError> errors_;
  std::size_t error_count_ = 0;
};

// One object. Duplicate and unknown fields are recorded and skipped; next() never shows them.
class JsonFields final : public JsonValue {
 public:
  // Opens `place`'s value; one that is not an object is recorded, and then there are no fields.
  // `names` must outlive this.
  JsonFields(JsonValue& place, const JsonNames& names);
  // It keeps every name, to find duplicates.
  JsonFields(JsonValue& place, AnyName);

  bool is_object() const { return is_object_; }

  // Moves to the next field; false at the end.
  bool next();
  // Of the current field; dies with the next call of next().
  std::string_view name() const { return name_; }
  // Where the current field stands in `names.known`.
  std::size_t index() const { return index_; }

  // Whether the object gave this known field, right or wrong, up to here.
  bool given(std::string_view name) const;
  // After the loop: records "is required" for a known field that was not given.
  void require(std::string_view name);

 private:
  void append_token(std::string& pointer) const override;
  // Whether the field that was just read is to be shown; records why it is not.
  bool admit();
  bool admit_known();

  const JsonNames* names_ = nullptr;
  bool is_object_;
  bool open_;  // its end has not been read
  std::size_t index_ = 0;
  std::uint64_t given_ = 0;                       // bit i: names_->known[i]
  std::set<std::string, std::less<>> given_any_;  // when names_ is null
  std::string name_;
};

// One array.
class JsonItems final : public JsonValue {
 public:
  // Opens `place`'s value; one that is not an array is recorded, and then there are no items. An
  // array of more than `count_max` is recorded, and next() ends there.
  JsonItems(JsonValue& place, std::size_t count_max);

  bool is_array() const { return is_array_; }

  bool next();
  std::size_t index() const { return count_ - 1; }  // of the current item
  std::size_t count() const { return count_; }      // items seen so far

 private:
  void append_token(std::string& pointer) const override;

  JsonValue& place_;
  std::size_t count_max_;
  std::size_t count_ = 0;
  bool is_array_;
  bool open_;  // its end has not been read
};

template <typename From>
auto JsonValue::choice(From from, std::string_view expected) -> decltype(from(std::string_view{})) {
  const std::optional<std::string> found = any_text(expected);
  if (!found) return std::nullopt;
  auto chosen = from(std::string_view(*found));
  if (!chosen) refuse_text(expected, *found);
  return chosen;
}

}  // namespace quern
