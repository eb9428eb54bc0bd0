#include "quern/protocol/json_writer.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>

#include "quern/protocol/json_reader.h"

namespace quern {
namespace {

TEST_CASE("commas stand between members and nowhere else") {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("a").number(1);
  json.key("b").begin_array().end_array();
  json.key("c").begin_array().null().boolean(true).boolean(false).begin_object().end_object();
  json.string("x").raw("[1, 2]").end_array();
  json.key("d").begin_object().key("e").time({1'795'425'000'123}).end_object();
  json.end_object();
  CHECK(
      out ==
      R"({"a":1,"b":[],"c":[null,true,false,{},"x",[1, 2]],"d":{"e":"2026-11-23T09:10:00.123Z"}})");
}

TEST_CASE("a writer appends to what is there") {
  std::string out = "head ";
  JsonWriter(out).begin_array().number(std::uint32_t{7}).end_array();
  CHECK(out == "head [7]");
}

TEST_CASE("integers are written whole, to the last of 64 bits") {
  std::string out;
  JsonWriter json(out);
  json.begin_array();
  json.number(std::numeric_limits<std::int64_t>::min());
  json.number(std::numeric_limits<std::uint64_t>::max());
  json.number(-1).number(std::uint16_t{9}).number(0LL).end_array();
  CHECK(out == "[-9223372036854775808,18446744073709551615,-1,9,0]");
}

TEST_CASE("a double takes the shortest form that reads back the same") {
  struct Row {
    double value;
    const char* text;
  };
  for (const Row& row : {Row{2.0, "2"}, Row{1.5, "1.5"}, Row{0.1, "0.1"}, Row{-0.0, "-0"},
                         Row{1e300, "1e+300"}, Row{5e-324, "5e-324"}}) {
    CAPTURE(row.text);
    std::string out;
    JsonWriter(out).number(row.value);
    CHECK(out == row.text);
    JsonReader reader(out);
    double back = 1;
    REQUIRE(reader.read_double(back));
    CHECK(back == row.value);
  }
}

TEST_CASE("strings escape quotes, backslashes and control characters, and nothing else") {
  struct Row {
    std::string text;
    std::string json;
  };
  for (const Row& row : {
           Row{"", R"("")"},
           Row{"plain", R"("plain")"},
           Row{"\"\\/", R"("\"\\/")"},
           Row{"\b\f\n\r\t", R"("\b\f\n\r\t")"},
           Row{std::string("\0\x1F\x7F", 3), "\"\\u0000\\u001f\x7F\""},
           Row{"gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80", "\"gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80\""},
           Row{"sixteen bytes..\"sixteen bytes..\n", R"("sixteen bytes..\"sixteen bytes..\n")"},
       }) {
    CAPTURE(row.json);
    std::string out;
    append_json_string(out, row.text);
    CHECK(out == row.json);
  }
}

TEST_CASE("every byte of ASCII, at every offset of a word, is written and reads back") {
  for (int c = 0; c < 128; ++c) {
    for (std::size_t offset = 0; offset < 17; ++offset) {
      const std::string text =
          std::string(offset, 'x') + static_cast<char>(c) + std::string(17 - offset, 'y');
      std::string json;
      append_json_string(json, text);
      JsonReader reader(json);
      std::string back;
      REQUIRE(reader.read_string(back));
      REQUIRE(reader.finish());
      REQUIRE(back == text);
    }
  }
}

TEST_CASE("a key is escaped as a string is") {
  std::string out;
  JsonWriter(out).begin_object().key("a\"b\n").null().end_object();
  CHECK(out == R"({"a\"b\n":null})");
}

}  // namespace
}  // namespace quern
