#include "quern/protocol/json_fields.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "quern/protocol/task_state.h"

namespace quern {
namespace {

using Wrong = std::vector<std::pair<std::string, std::string>>;

Wrong wrong_in(const Result<void>& result) {
  Wrong wrong;
  if (result) return wrong;
  for (const FieldError& field : result.error().fields) {
    wrong.emplace_back(field.pointer, field.detail);
  }
  return wrong;
}

constexpr std::string_view tree_fields[] = {"size", "name", "tags", "child", "labels", "any"};
constexpr std::string_view tree_shown[] = {"id"};
constexpr JsonNames tree_names{
    .noun = "a field of a tree", .known = tree_fields, .read_only = tree_shown};

struct Tree {
  std::int64_t size = 0;
  std::string name;
  std::vector<std::string> tags;
  std::vector<std::string> labels;
  std::string any;
};

void read_tree(JsonValue& value, Tree& tree);

void read_field(JsonFields& field, Tree& tree) {
  if (field.name() == "size") {
    if (auto size = field.integer(0, 9)) tree.size = *size;
  } else if (field.name() == "name") {
    if (auto name = field.name_text()) tree.name = *name;
  } else if (field.name() == "tags") {
    JsonItems tags(field, 3);
    while (tags.next()) {
      if (auto tag = tags.text(1, 4)) tree.tags.push_back(*tag);
    }
  } else if (field.name() == "child") {
    read_tree(field, tree);
  } else if (field.name() == "labels") {
    JsonFields labels(field, any_name);
    while (labels.next()) {
      if (auto text = labels.text(0, 9)) {
        tree.labels.push_back(std::string(labels.name()) + "=" + *text);
      }
    }
  } else if (field.name() == "any") {
    tree.any = field.raw();
  }
}

void read_tree(JsonValue& value, Tree& tree) {
  JsonFields field(value, tree_names);
  while (field.next()) read_field(field, tree);
  field.require("size");
}

Result<void> decode(std::string_view text, Tree& tree) {
  JsonReader reader(text);
  JsonBody body(reader);
  read_tree(body, tree);
  return body.finish();
}

Wrong wrong_in_tree(std::string_view text) {
  Tree tree;
  return wrong_in(decode(text, tree));
}

TEST_CASE("an object is read field by field, whatever the order") {
  Tree tree;
  const auto done = decode(R"({"any": {"x": [1e400, "\ud800"] }, "tags": ["a", "b"],
      "labels": {"k/1": "v", "": ""}, "child": {"name": "twig", "size": 2}, "size": 7})",
                           tree);
  REQUIRE(done.has_value());
  CHECK(tree.size == 7);
  CHECK(tree.name == "twig");
  CHECK(tree.tags == std::vector<std::string>{"a", "b"});
  CHECK(tree.labels == std::vector<std::string>{"k/1=v", "="});
  CHECK(tree.any == R"({"x": [1e400, "\ud800"] })");
}

TEST_CASE("everything that is wrong is reported, each with its pointer") {
  Tree tree;
  const auto done = decode(
      R"({"size": 10, "nmae": 1, "tags": ["a", "", 5, "d"], "child": {"size": "x", "child": 3},
          "labels": {"a/b~": 1, "z": "", "z": ""}, "id": 3, "size": 1})",
      tree);
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().code == ErrorCode::invalid_argument);
  CHECK(done.error().detail == "/size must be 0..9, not 10 (and 10 more)");
  CHECK(wrong_in(done) ==
        Wrong{{"/size", "must be 0..9, not 10"},
              {"/nmae", "is not a field of a tree; known: size, name, tags, child, labels, any"},
              {"/tags/1", "must be a string of 1..4 bytes, not of 0"},
              {"/tags/2", "must be a string of 1..4 bytes, not 5"},
              {"/tags", "must have at most 3 items"},
              {"/child/size", "must be an integer 0..9, not \"x\""},
              {"/child/child", "must be an object, not 3"},
              {"/labels/a~1b~0", "must be a string of at most 9 bytes, not 1"},
              {"/labels/z", "is given twice"},
              {"/id", "is read-only: leave it out"},
              {"/size", "is given twice"}});
}

TEST_CASE("a field given twice is refused and its first value kept") {
  Tree tree;
  const auto done = decode(R"({"size": 1, "siz\u0065": 2})", tree);
  CHECK(wrong_in(done) == Wrong{{"/size", "is given twice"}});
  CHECK(tree.size == 1);
}

TEST_CASE("a required field that is absent is reported where it should stand") {
  CHECK(wrong_in_tree("{}") == Wrong{{"/size", "is required"}});
  CHECK(wrong_in_tree(R"({"size": 1, "child": {}})") == Wrong{{"/child/size", "is required"}});
  // Given, though wrong: one report is enough.
  CHECK(wrong_in_tree(R"({"size": null})") ==
        Wrong{{"/size", "must be an integer 0..9, not null"}});
}

TEST_CASE("a body that is no object is refused as a whole") {
  struct Row {
    const char* text;
    const char* found;
  };
  for (const Row& row : {Row{"[]", "an array"}, Row{"null", "null"}, Row{"\"x\"", "\"x\""},
                         Row{"12", "12"}, Row{" true ", "true"}}) {
    CAPTURE(row.text);
    Tree tree;
    const auto done = decode(row.text, tree);
    CHECK(wrong_in(done) == Wrong{{"", std::string("must be an object, not ") + row.found}});
    CHECK(done.error().detail == std::string("the body must be an object, not ") + row.found);
  }
}

TEST_CASE("what is not JSON is said instead of field errors") {
  for (const char* text :
       {"", "{", R"({"size": 99, "x"})", R"({"size": 1} x)", R"({"size": 01})",
        R"({"child": {"size": tru}})", R"({"tags": ["a",]})", "{\"size\": 1}\xFF"}) {
    CAPTURE(text);
    Tree tree;
    const auto done = decode(text, tree);
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error().code == ErrorCode::invalid_json);
    CHECK(done.error().fields.empty());
  }
}

TEST_CASE("at most 20 errors are listed, and the rest counted") {
  std::string text = R"({"size": 1)";
  for (int i = 0; i < 50; ++i) text += ",\"x" + std::to_string(i) + "\": 1";
  Tree tree;
  const auto done = decode(text + "}", tree);
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().fields.size() == 20);
  CHECK(done.error().detail.ends_with("(and 49 more)"));
}

TEST_CASE("a hostile key does not come back whole") {
  const std::string key(100'000, 'k');
  Tree tree;
  const auto done = decode("{\"size\":1,\"" + key + "\":1}", tree);
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().fields.at(0).pointer.size() < 600);
  CHECK(done.error().detail.size() < 2000);
  // Cut between characters: the answer must be UTF-8 itself.
  std::string umlauts = "x";
  for (int i = 0; i < 1000; ++i) umlauts += "\xC3\xBC";
  const auto cut = decode("{\"size\":1,\"" + umlauts + "\":1}", tree);
  REQUIRE_FALSE(cut.has_value());
  const std::string quoted = "\"" + cut.error().fields.at(0).pointer + "\"";
  JsonReader reader(quoted);
  CHECK_FALSE(reader.failed());
}

TEST_CASE("what is left unread is skipped, however deep") {
  static constexpr std::string_view known[] = {"a", "b"};
  constexpr JsonNames names{.noun = "known", .known = known};
  JsonReader reader(R"({"a": [1, {"x": [2]}], "b": 3})");
  JsonBody body(reader);
  JsonFields fields(body, names);
  std::vector<std::string> seen;
  while (fields.next()) seen.emplace_back(fields.name());
  CHECK(body.finish().has_value());
  CHECK(seen == std::vector<std::string>{"a", "b"});
  CHECK(fields.given("a"));
}

TEST_CASE("a body that nobody reads is still checked") {
  JsonReader good("[1, 2]");
  CHECK(JsonBody(good).finish().has_value());
  JsonReader bad("[1, 2");
  CHECK_FALSE(JsonBody(bad).finish().has_value());
}

TEST_CASE("each reader of a value names what it expected and what it found") {
  static constexpr std::string_view known[] = {"v"};
  constexpr JsonNames names{.noun = "known", .known = known};
  const auto wrong = [&](std::string_view text, auto read) {
    const std::string object = "{\"v\":" + std::string(text) + "}";
    JsonReader reader(object);
    JsonBody body(reader);
    JsonFields fields(body, names);
    while (fields.next()) read(fields);
    const auto done = body.finish();
    return done ? std::string() : done.error().fields.at(0).detail;
  };
  const auto boolean = [](JsonValue& v) { v.boolean(); };
  const auto integer = [](JsonValue& v) { v.integer(-5, 5); };
  const auto number = [](JsonValue& v) { v.number(1, 1.5); };
  const auto duration = [](JsonValue& v) { v.duration(Duration{0}, Duration{10}); };
  const auto time = [](JsonValue& v) { v.time(); };
  const auto name = [](JsonValue& v) { v.name_text(); };
  const auto printable = [](JsonValue& v) { v.printable(3); };
  const auto state = [](JsonValue& v) { v.choice(task_state_from, "must be a state"); };
  CHECK(wrong("true", boolean) == "");
  CHECK(wrong("1", boolean) == "must be true or false, not 1");
  CHECK(wrong("-5", integer) == "");
  CHECK(wrong("-6", integer) == "must be -5..5, not -6");
  CHECK(wrong("1.0", integer) == "must be an integer -5..5, not 1.0");
  CHECK(wrong("1e400", integer) == "must be an integer -5..5, not 1e400");
  CHECK(wrong("12345678901234567890", integer) ==
        "must be an integer -5..5, not 12345678901234567890");
  CHECK(wrong(std::string(100, '9'), integer) == "must be an integer -5..5, not a number");
  CHECK(wrong("{}", integer) == "must be an integer -5..5, not an object");
  CHECK(wrong("1.5", number) == "");
  CHECK(wrong("2", number) == "must be a number from 1 to 1.5, not 2");
  CHECK(wrong("1e999", number) == "must be a number from 1 to 1.5, not 1e999");
  CHECK(wrong("[]", number) == "must be a number from 1 to 1.5, not an array");
  CHECK(wrong("10", duration) == "");
  CHECK(wrong("11", duration) == "must be 0..10, not 11");
  CHECK(wrong("\"2026-11-23T09:10:00Z\"", time) == "");
  CHECK(wrong("\"today\"", time) ==
        "must be an RFC 3339 time such as 2026-11-23T09:10:00.123Z, not \"today\"");
  CHECK(wrong("\"a.b\"", name) == "");
  CHECK(wrong("\"a b\"", name).ends_with(", not \"a b\""));
  CHECK(wrong("\"" + std::string(200, 'x') + "\"", name).ends_with(", not a longer string"));
  CHECK(wrong("\"a b\"", printable) == "");
  CHECK(wrong("\"a\\n\"", printable) ==
        "must be a string of 1..3 printable ASCII characters, not \"a\\n\"");
  CHECK(wrong("\"\\ud800\"", printable) ==
        "must not hold half of a surrogate pair (\\uD800 to \\uDFFF)");
  CHECK(wrong("\"ready\"", state) == "");
  CHECK(wrong("\"asleep\"", state) == "must be a state, not \"asleep\"");
  CHECK(wrong("7", state) == "must be a state, not 7");
}

TEST_CASE("errors found elsewhere join those of the body") {
  JsonReader reader("{}");
  JsonBody body(reader);
  body.add_error("Idempotency-Key", "is given twice");
  CHECK_FALSE(body.ok());
  body.skip();
  CHECK(wrong_in(body.finish()) == Wrong{{"Idempotency-Key", "is given twice"}});
}

}  // namespace
}  // namespace quern
