#include "quern/protocol/json_reader.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace quern {
namespace {

using namespace std::string_literals;

struct Verdict {
  bool accepted = false;
  std::string raw;
  std::string detail;
};

Verdict check(const std::string& text, std::size_t depth_max = 64) {
  JsonReader reader(text, depth_max);
  std::string_view raw;
  if (reader.read_raw(raw) && reader.finish()) return {.accepted = true, .raw = std::string(raw)};
  return {.detail = reader.error().detail};
}

std::string nested(std::size_t depth, char open, char close) {
  return std::string(depth, open) + std::string(depth, close);
}

TEST_CASE("JSON of RFC 8259 is accepted and handed out byte for byte") {
  for (const std::string& text : {
           "null"s,
           "true"s,
           "false"s,
           "0"s,
           "-0"s,
           "-0.0e-0"s,
           "1e400"s,
           "1E+2"s,
           "0e1"s,
           "1.5"s,
           "123456789012345678901234567890"s,
           "-1e-99999"s,
           "[]"s,
           "{}"s,
           "[ ]"s,
           "{ }"s,
           "[1,2 , 3]"s,
           "[[],[[]],{}]"s,
           R"({"a":1,"a":2})"s,
           R"({"":{}})"s,
           R"({"b" : 1 , "a" :[ {"x":null} ]})"s,
           "[\n\t1\r\n]"s,
           R"("")"s,
           R"("\"\\\/\b\f\n\r\t\u0000\u00FF\uabCD")"s,
           R"("\ud83d\ude00")"s,  // a pair
           R"("\ud800")"s,
           R"("\udc00\ud800")"s,        // halves
           R"({"\ud800": "\udfff"})"s,  // in a key that nobody decodes
           "\"\x7F\xC2\x80\xE2\x80\xA8\xEF\xBF\xBF\xF4\x8F\xBF\xBF\""s,
           "\"\xEF\xBB\xBF\""s,  // a byte order mark inside a string is a character
       }) {
    CAPTURE(text);
    const Verdict verdict = check(text);
    CHECK(verdict.accepted);
    CHECK(verdict.raw == text);
    const auto around = [&text](std::string before, const char* after) {
      return check(before.append(text).append(after));
    };
    CHECK(around(" \t\r\n", " \t\r\n").raw == text);
    CHECK(around("[1, ", ", 2]").accepted);
    CHECK(around(R"({"k": )", "}").accepted);
  }
}

TEST_CASE("what is not JSON is refused, with the byte where it stops being JSON") {
  struct Row {
    std::string text;
    std::string detail;
  };
  const std::string escapes = "expected an escape: one of \"\\/bfnrtu";
  for (const Row& row : {
           Row{"", "0: expected a value, found the end"},
           Row{"  ", "2: expected a value, found the end"},
           Row{"nul", "0: expected null, true or false"},
           Row{"True", "0: expected a value"},
           Row{"nan", "0: expected null, true or false"},
           Row{"NaN", "0: expected a value"},
           Row{"Infinity", "0: expected a value"},
           Row{"-Infinity", "1: expected a digit"},
           Row{"nullx", "4: something follows the value"},
           Row{"1 2", "2: something follows the value"},
           Row{"{} {}", "3: something follows the value"},
           Row{"[]]", "2: something follows the value"},
           Row{"null\0"s, "4: something follows the value"},
           Row{"01", "1: a number with a leading zero"},
           Row{"-01", "2: a number with a leading zero"},
           Row{"+1", "0: expected a value"},
           Row{".5", "0: expected a value"},
           Row{"1.", "2: expected a digit, found the end"},
           Row{"1.e1", "2: expected a digit"},
           Row{"1e", "2: expected a digit, found the end"},
           Row{"1e+", "3: expected a digit, found the end"},
           Row{"-", "1: expected a digit, found the end"},
           Row{"0x10", "1: something follows the value"},
           Row{"1_000", "1: something follows the value"},
           Row{"[", "1: expected a value, found the end"},
           Row{"[1", "2: expected ',' or ']', found the end"},
           Row{"[1,", "3: expected a value, found the end"},
           Row{"[1,]", "3: expected a value after ','"},
           Row{"[,1]", "1: expected a value"},
           Row{"[1,,2]", "3: expected a value"},
           Row{"[1 2]", "3: expected ',' or ']'"},
           Row{"[1}", "2: expected ',' or ']'"},
           Row{"{", "1: expected a key in double quotes, found the end"},
           Row{"{]", "1: expected a key in double quotes"},
           Row{"{1:2}", "1: expected a key in double quotes"},
           Row{"{a:1}", "1: expected a key in double quotes"},
           Row{"{'a':1}", "1: expected a key in double quotes"},
           Row{R"({"a"})", "4: expected ':' after a key"},
           Row{R"({"a" 1})", "5: expected ':' after a key"},
           Row{R"({"a":})", "5: expected a value"},
           Row{R"({"a":1,})", "7: expected a key in double quotes"},
           Row{R"({"a":1 "b":2})", "7: expected ',' or '}'"},
           Row{R"({"a":1])", "6: expected ',' or '}'"},
           Row{R"({,})", "1: expected a key in double quotes"},
           Row{"[1] // no", "4: something follows the value"},
           Row{"/**/1", "0: expected a value"},
           Row{"'a'", "0: expected a value"},
           Row{"\"", "1: expected '\"' after a string, found the end"},
           Row{"\"abc", "4: expected '\"' after a string, found the end"},
           Row{"\"a\\", "3: expected an escape, found the end"},
           Row{"\"\\\"", "3: expected '\"' after a string, found the end"},
           Row{R"("\x41")", "2: " + escapes},
           Row{R"("\'")", "2: " + escapes},
           Row{"\"\\\0\""s, "2: " + escapes},
           Row{R"("\u12")", "5: expected four hexadecimal digits after \\u"},
           Row{R"("\u12G4")", "5: expected four hexadecimal digits after \\u"},
           Row{R"("\U0041")", "2: " + escapes},
           Row{"\"\\u00", "5: expected four hexadecimal digits after \\u, found the end"},
           Row{"\"a\nb\"", "2: a control character in a string: write it as an escape"},
           Row{"\"\t\"", "1: a control character in a string: write it as an escape"},
           Row{"\"\0\""s, "1: a control character in a string: write it as an escape"},
           Row{"\"0123456789\x1F\"", "11: a control character in a string: write it as an escape"},
           Row{"\xEF\xBB\xBF{}", "0: a byte order mark"},
           Row{"[\xC2\xA0]", "1: expected a value"},  // a no-break space
           Row{"[\f]", "1: expected a value"},
       }) {
    CAPTURE(row.text);
    const Verdict verdict = check(row.text);
    CHECK_FALSE(verdict.accepted);
    CHECK(verdict.detail == "not JSON at byte " + row.detail);
  }
}

TEST_CASE("text that is not UTF-8 is refused at its first bad byte, wherever that is") {
  for (const char* bytes :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC3", "\xC3(", "\xE0\x9F\xBF", "\xE2\x82",
        "\xED\xA0\x80",  // a surrogate
        "\xF0\x8F\xBF\xBF", "\xF0\x9F\x98", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFE",
        "\xFF"}) {
    const std::string text = "[\"gr\xC3\xBC\xC3\x9F " + std::string(bytes) + "\"]";
    CAPTURE(text);
    CHECK(check(text).detail == "not JSON at byte 9: not UTF-8");
    CHECK(check("[1] " + std::string(bytes)).detail == "not JSON at byte 4: not UTF-8");
  }
}

TEST_CASE("an error is invalid_json and stays the first one") {
  const std::string text = "[1,}";
  JsonReader reader(text);
  std::int64_t value = 0;
  REQUIRE(reader.enter_array());
  REQUIRE(reader.next_element());
  REQUIRE(reader.read_int64(value));
  REQUIRE(reader.next_element());
  CHECK_FALSE(reader.read_int64(value));
  REQUIRE(reader.failed());
  const std::string detail = reader.error().detail;
  std::string_view raw;
  std::string string;
  bool boolean = false;
  double number = 0;
  CHECK_FALSE(reader.read_null());
  CHECK_FALSE(reader.read_bool(boolean));
  CHECK_FALSE(reader.read_int64(value));
  CHECK_FALSE(reader.read_double(number));
  CHECK_FALSE(reader.read_string(string));
  CHECK_FALSE(reader.read_raw(raw));
  CHECK_FALSE(reader.enter_object());
  CHECK_FALSE(reader.enter_array());
  CHECK_FALSE(reader.next_element());
  CHECK_FALSE(reader.next_key(string));
  CHECK_FALSE(reader.finish());
  CHECK(reader.error().code == ErrorCode::invalid_json);
  CHECK(reader.error().fields.empty());
  CHECK(reader.error().detail == detail);
  CHECK(detail == "not JSON at byte 3: expected a value");
}

TEST_CASE("nesting is limited over the whole text") {
  CHECK(check(nested(64, '[', ']')).accepted);
  CHECK(check(nested(65, '[', ']')).detail ==
        "not JSON at byte 64: nested too deeply, at most 64 levels are accepted");
  CHECK(check("[[],[],[]]", 2).accepted);
  CHECK_FALSE(check("[[],[[]]]", 2).accepted);
  CHECK(check("1", 0).accepted);
  CHECK_FALSE(check("[]", 0).accepted);
  CHECK_FALSE(check(std::string(1'000'000, '[')).accepted);
  CHECK(check(nested(1024, '[', ']'), JsonReader::depth_limit).accepted);
  CHECK_FALSE(check(nested(1025, '[', ']'), JsonReader::depth_limit).accepted);
}

TEST_CASE("levels that were entered count for the depth of a raw value") {
  for (const bool fits : {true, false}) {
    const std::string text = R"({"a":[)" + nested(fits ? 2 : 3, '[', ']') + "]}";
    JsonReader reader(text, 4);
    std::string key;
    std::string_view raw;
    REQUIRE(reader.enter_object());
    REQUIRE(reader.next_key(key));
    REQUIRE(reader.enter_array());
    REQUIRE(reader.next_element());
    CHECK(reader.read_raw(raw) == fits);
    CHECK(reader.failed() != fits);
  }
}

// Objects and arrays in an irregular order, `depth` deep, with empty ones beside each level.
std::string mixed(std::size_t depth) {
  std::string opening;
  std::string closing;
  for (std::uint32_t i = 1; i < depth; ++i) {
    const bool object = (i * 2654435761u >> 13 & 1) != 0;
    opening += object ? R"({"k":)" : "[{},";
    closing.insert(0, object ? R"(,"l":[]})" : "]");
  }
  return opening + "[]" + closing;
}

TEST_CASE("objects and arrays mix at every level of a skipped value") {
  CHECK(check(mixed(JsonReader::depth_limit), JsonReader::depth_limit).accepted);
  CHECK_FALSE(check(mixed(JsonReader::depth_limit + 1), JsonReader::depth_limit).accepted);
}

TEST_CASE("a closing bracket of the wrong kind is refused at every level") {
  const std::string text = mixed(200);
  const std::size_t closing = text.find("[]") + 1;
  for (std::size_t at = closing; at < text.size(); ++at) {
    if (text[at] != ']' && text[at] != '}') continue;
    std::string broken = text;
    broken[at] = text[at] == ']' ? '}' : ']';
    CAPTURE(at);
    CHECK_FALSE(check(broken, 200).accepted);
  }
}

TEST_CASE("a value of another kind is left where it is") {
  const std::string text = R"([null, true, 12, 1.5, "x", [], {}])";
  JsonReader reader(text);
  std::vector<JsonKind> kinds;
  REQUIRE(reader.enter_array());
  while (reader.next_element()) {
    const JsonKind kind = reader.peek();
    kinds.push_back(kind);
    bool boolean = false;
    std::int64_t integer = 0;
    double number = 0;
    std::string string;
    std::string_view raw;
    if (kind != JsonKind::null) CHECK_FALSE(reader.read_null());
    if (kind != JsonKind::boolean) CHECK_FALSE(reader.read_bool(boolean));
    if (kind != JsonKind::number) CHECK_FALSE(reader.read_int64(integer));
    if (kind != JsonKind::number) CHECK_FALSE(reader.read_double(number));
    if (kind != JsonKind::string) CHECK_FALSE(reader.read_string(string));
    if (kind != JsonKind::array) CHECK_FALSE(reader.enter_array());
    if (kind != JsonKind::object) CHECK_FALSE(reader.enter_object());
    REQUIRE_FALSE(reader.failed());
    REQUIRE(reader.read_raw(raw));
  }
  CHECK(reader.finish());
  CHECK(kinds == std::vector{JsonKind::null, JsonKind::boolean, JsonKind::number, JsonKind::number,
                             JsonKind::string, JsonKind::array, JsonKind::object});
}

TEST_CASE("only an integer literal that fits 64 bits is an integer") {
  struct Row {
    const char* text;
    bool read;
    std::int64_t value;
  };
  for (const Row& row : {
           Row{"0", true, 0},
           Row{"-0", true, 0},
           Row{"-12", true, -12},
           Row{"9223372036854775807", true, std::numeric_limits<std::int64_t>::max()},
           Row{"-9223372036854775808", true, std::numeric_limits<std::int64_t>::min()},
           Row{"9223372036854775808", false, 0},
           Row{"-9223372036854775809", false, 0},
           Row{"1.0", false, 0},
           Row{"1e3", false, 0},
           Row{"123456789012345678901234567890", false, 0},
       }) {
    CAPTURE(row.text);
    JsonReader reader(row.text);
    std::int64_t value = 77;
    CHECK(reader.read_int64(value) == row.read);
    CHECK_FALSE(reader.failed());
    if (row.read) CHECK(value == row.value);
    std::string_view raw;
    if (!row.read) CHECK(reader.read_raw(raw));
    CHECK(reader.finish());
  }
}

TEST_CASE("a number beyond a double's range is left where it is") {
  for (const char* text : {"1e400", "-1e400", "1e-400"}) {
    CAPTURE(text);
    JsonReader reader(text);
    double value = 0;
    std::string_view raw;
    CHECK_FALSE(reader.read_double(value));
    CHECK_FALSE(reader.failed());
    CHECK(reader.read_raw(raw));
    CHECK(raw == text);
  }
  JsonReader reader("1.7976931348623157e308");
  double value = 0;
  CHECK(reader.read_double(value));
  CHECK(value == std::numeric_limits<double>::max());
}

TEST_CASE("a malformed number fails every way of reading it") {
  for (const char* text : {"01", "1.", "-", "1e"}) {
    CAPTURE(text);
    std::int64_t integer = 0;
    double number = 0;
    JsonReader as_integer(text);
    CHECK_FALSE(as_integer.read_int64(integer));
    CHECK(as_integer.failed());
    JsonReader as_double(text);
    CHECK_FALSE(as_double.read_double(number));
    CHECK(as_double.failed());
  }
}

TEST_CASE("strings decode to UTF-8") {
  struct Row {
    std::string json;
    std::string text;
  };
  for (const Row& row : {
           Row{R"("")", ""},
           Row{R"("plain")", "plain"},
           Row{R"("\"\\\/\b\f\n\r\t")", "\"\\/\b\f\n\r\t"},
           Row{R"("\u0041\u00e9\u20AC\ud83d\uDE00")", "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"},
           Row{R"("a\u0000b")", "a\0b"s},
           Row{R"("\\u0041")", "\\u0041"},
           Row{R"("\udbff\udfff")", "\xF4\x8F\xBF\xBF"},
           Row{R"("\ud800\udc00")", "\xF0\x90\x80\x80"},
           Row{R"("\u07ff\u0800\uffff")", "\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF"},
           Row{"\"gr\xC3\xBC\xC3\x9F\"", "gr\xC3\xBC\xC3\x9F"},
       }) {
    CAPTURE(row.json);
    JsonReader reader(row.json);
    std::string text = "what was there before";
    CHECK(reader.read_string(text));
    CHECK(text == row.text);
    CHECK(reader.finish());
  }
}

TEST_CASE("half of a surrogate pair is no text but still JSON") {
  for (const char* json : {R"("\ud800")", R"("a\udfff")", R"("\ud800\ud800")", R"("\ud800x")",
                           R"("\ud800\n")", R"("\udc00\ud800")", R"("\ud83d\u0041")"}) {
    CAPTURE(json);
    JsonReader reader(json);
    std::string text;
    std::string_view raw;
    CHECK_FALSE(reader.read_string(text));
    CHECK_FALSE(reader.failed());
    CHECK(reader.read_raw(raw));
    CHECK(raw == json);
    CHECK(reader.finish());
  }
}

TEST_CASE("a key with half of a surrogate pair fails where it is decoded") {
  JsonReader reader(R"({"a\ud800": 1})");
  std::string key;
  REQUIRE(reader.enter_object());
  CHECK_FALSE(reader.next_key(key));
  REQUIRE(reader.failed());
  CHECK(reader.error().detail == "not JSON at byte 1: a key with half of a surrogate pair");
}

TEST_CASE("keys are decoded, in order, duplicates too") {
  JsonReader reader(R"( { "b" : 1 , "\u0061" : [1, {"x": 2}] , "b" : {} } )");
  std::vector<std::string> keys;
  std::vector<std::string> values;
  std::string key;
  REQUIRE(reader.enter_object());
  while (reader.next_key(key)) {
    std::string_view raw;
    REQUIRE(reader.read_raw(raw));
    keys.push_back(key);
    values.emplace_back(raw);
  }
  CHECK(reader.finish());
  CHECK(keys == std::vector<std::string>{"b", "a", "b"});
  CHECK(values == std::vector<std::string>{"1", R"([1, {"x": 2}])", "{}"});
}

TEST_CASE("entered containers check their commas as skipped ones do") {
  for (const char* text : {"[1,]", "[,1]", "[1 2]", "[1}", "[1", "["}) {
    CAPTURE(text);
    JsonReader reader(text);
    std::int64_t value = 0;
    REQUIRE(reader.enter_array());
    while (reader.next_element() && reader.read_int64(value)) {
    }
    CHECK(reader.failed());
  }
  for (const char* text :
       {R"({"a":1,})", R"({,"a":1})", R"({"a":1 "b":2})", R"({"a" 1})", R"({"a":1)", "{"}) {
    CAPTURE(text);
    JsonReader reader(text);
    std::string key;
    std::int64_t value = 0;
    REQUIRE(reader.enter_object());
    while (reader.next_key(key) && reader.read_int64(value)) {
    }
    CHECK(reader.failed());
  }
}

TEST_CASE("every truncation of a text is refused") {
  const std::string text =
      R"({"a":[1,-2.5e+3,true,false,null],"b":{"c":"\u00e9\n\ud83d\ude00","d":[[],{}]}})";
  REQUIRE(check(text).accepted);
  for (std::size_t size = 0; size < text.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(check(text.substr(0, size)).accepted);
  }
}

TEST_CASE("pointers escape ~ and /") {
  std::string pointer = "/tasks";
  append_pointer(pointer, "3");
  append_pointer(pointer, "a/b~c");
  append_pointer(pointer, "");
  CHECK(pointer == "/tasks/3/a~1b~0c/");
}

}  // namespace
}  // namespace quern
