#include "quern/protocol/limits.h"

#include <doctest/doctest.h>

#include <string>

namespace quern {
namespace {

TEST_CASE("a name is 1 to 128 of A-Z a-z 0-9 _ . : - and starts with a letter, digit or _") {
  for (const std::string& name : {std::string("a"), std::string("_"), std::string("9"),
                                  std::string("Email.send:v2-x_y"), std::string(128, 'x')}) {
    CAPTURE(name);
    CHECK(is_name(name));
  }
  for (const std::string& name :
       {std::string(), std::string(".a"), std::string(":a"), std::string("-a"), std::string("a b"),
        std::string("a/b"), std::string("a\n"), std::string("a\0", 2), std::string("\xC3\xA4"),
        std::string(129, 'x')}) {
    CAPTURE(name);
    CHECK_FALSE(is_name(name));
  }
}

TEST_CASE("printable ASCII runs from space to tilde and is never empty") {
  CHECK(is_printable_ascii(" ~", 2));
  CHECK_FALSE(is_printable_ascii("", 2));
  CHECK_FALSE(is_printable_ascii("abc", 2));
  for (const char c : {'\x1F', '\x7F', '\0', '\xFF', '\t'}) {
    CAPTURE(static_cast<int>(c));
    CHECK_FALSE(is_printable_ascii(std::string(1, c), 2));
  }
}

}  // namespace
}  // namespace quern
