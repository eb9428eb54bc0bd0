#include "log.h"

#include <doctest/doctest.h>

using namespace quern::log;

TEST_CASE("a line has its level, message and fields") {
  CHECK(format_line(Format::text, Level::warn, "hello",
                    {{"a", "1"}, {"b", "two words"}, {"c", ""}}) ==
        R"(warn hello a=1 b="two words" c="")");
  CHECK(format_line(Format::json, Level::info, "hello", {{"a", "1"}}) ==
        R"({"level":"info","message":"hello","a":"1"})");
}

TEST_CASE("nobody forges a line or speaks to the terminal") {
  const std::string evil = "x\r\n2026 info all is well\x1b[2J\x7f\xc2\x9b\xff é";
  const std::string safe = R"(x\x0d\x0a2026 info all is well\x1b[2J\x7f\xc2\x9b\xff é)";
  const std::string text = format_line(Format::text, Level::info, "m", {{"k", evil}});
  for (const char c : text) CHECK_FALSE((c >= 0 && c < 0x20));
  CHECK(format_line(Format::text, Level::info, evil, {}) == "info " + safe);
  CHECK(format_line(Format::json, Level::info, "m", {{"k", evil}}).find("\\u00") ==
        std::string::npos);
}
