// The helpers for nlohmann::json, and that nobody pays for them who does not ask.
#include "quern/json.h"

#include <doctest/doctest.h>

#include <map>

TEST_CASE("values become JSON text and come back") {
  const std::map<std::string, int> counts{{"a", 1}, {"b", 2}};
  const std::string text = quern::json_text(counts);
  CHECK(text == R"({"a":1,"b":2})");
  CHECK(quern::json_of<std::map<std::string, int>>(text) == counts);
  CHECK(quern::json_of(R"({"to": "ada"})")["to"] == "ada");
  CHECK(quern::json_of("").is_null());
  CHECK_THROWS_AS(quern::json_of("{"), nlohmann::json::exception);
  CHECK_THROWS_AS(quern::json_of<int>("\"x\""), nlohmann::json::exception);
}
