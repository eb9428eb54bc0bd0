// Reads one JSON text strictly and lazily, handing out values as the bytes the client wrote.
//
// Why our own: payloads are opaque. They must be checked as JSON (RFC 8259 grammar) yet kept byte
// for byte, with 1e400, lone surrogates and duplicate keys, all of which the packaged parsers
// refuse or rewrite. json_fields.h decodes whole objects on top of it.
//
// Shape    A cursor over a text that stays alive as long as the reader and every view it handed
// out.
//          The text is UTF-8 without a byte order mark (checked first, for the whole text). Depth
//          counts arrays and objects from the outermost, 1.
// Threads  one reader, one thread.
// Errors   invalid_json at a byte offset; after an error the reader stays failed and every call is
//          false.
// Source   RFC 8259, RFC 6901.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "quern/protocol/result.h"

namespace quern {

enum class JsonKind : std::uint8_t { null, boolean, number, string, array, object };

class JsonReader {
 public:
  // The most that `depth_max` can be: one bit a level is kept while a value is skipped.
  static constexpr std::size_t depth_limit = 1024;

  // Precondition: depth_max <= depth_limit.
  explicit JsonReader(std::string_view text, std::size_t depth_max = 64);

  bool failed() const { return failed_; }
  // invalid_json: what was wrong, and at which byte. Precondition: failed().
  Error error() const;

  // The kind of the value that comes next, by its first byte; does not consume it. Only valid where
  // a value is expected and !failed(). A byte that starts no value fails the reader.
  JsonKind peek();

  // Consume one value of that kind. False (and failed) when the next value is malformed; a
  // *different kind* is also false but does not fail the reader, so that the caller can say which
  // field has the wrong type.
  bool read_null();
  bool read_bool(bool& out);
  // Only an integer literal without fraction or exponent that fits; otherwise false, not consumed,
  // not failed.
  bool read_int64(std::int64_t& out);
  // Any number within a double's range; 1e400 and 1e-400 are false, not consumed, not failed.
  bool read_double(double& out);
  // Decodes escapes into `out`. A lone surrogate escape is false, not consumed, not failed (it has
  // no UTF-8 form); `out` is then unspecified. The string may hold any other character, U+0000 too.
  bool read_string(std::string& out);
  // Checks and skips any value; `raw` are its bytes, without surrounding white space.
  bool read_raw(std::string_view& raw);

  // if (reader.enter_object()) while (reader.next_key(key)) { …consume exactly one value… }
  // enter_* is false, without failing, when the next value is of another kind. next_* is false at
  // the closing bracket (consumed) or when failed. A key with a lone surrogate escape fails the
  // reader.
  bool enter_object();
  bool next_key(std::string& key);
  bool enter_array();
  bool next_element();

  // True when nothing but white space is left and nothing failed; otherwise the reader has failed.
  bool finish();

 private:
  class Levels;

  bool fail(const char* what);
  bool at(char c) const { return at_ < text_.size() && text_[at_] == c; }
  bool at_digit() const { return at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; }
  bool comes(JsonKind kind);

  void skip_space();
  bool skip_value();
  bool skip_scalar(JsonKind kind);
  bool skip_container();
  bool skip_to_value(Levels& levels);
  bool skip_string(bool& escaped);
  bool skip_escape();
  bool skip_number();
  bool skip_digits();
  bool skip_literal(std::string_view literal);
  bool skip_key();
  bool skip_colon();

  bool take_string(std::string& out);
  std::string_view take_number();
  bool descend();
  bool enter(JsonKind kind);
  bool separator(char close);

  std::string_view text_;
  std::size_t at_ = 0;  // when failed: of what is wrong
  std::size_t depth_ = 0;
  std::size_t depth_max_;
  bool first_ = false;  // nothing read yet in the innermost container that was entered
  bool failed_ = false;
  const char* what_ = "";
};

// Appends `token` to `pointer` as a further reference token, escaping ~ and /.
void append_pointer(std::string& pointer, std::string_view token);

}  // namespace quern
