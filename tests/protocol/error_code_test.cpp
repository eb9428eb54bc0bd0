#include "quern/protocol/error_code.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "quern/protocol/result.h"

namespace quern {
namespace {

TEST_CASE("every error code has a spelling of its own that reads back") {
  std::set<std::string> seen;
  for (int i = 0; i <= static_cast<int>(ErrorCode::bad_response); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    CAPTURE(i);
    CHECK(seen.insert(std::string(to_string(code))).second);
    CHECK(error_code_from(to_string(code)) == code);
  }
  CHECK(to_string(ErrorCode::lease_lost) == "lease_lost");
  CHECK(to_string(ErrorCode::invalid_argument) == "invalid_argument");
}

TEST_CASE("what spells no error code is none") {
  for (const char* text : {"", "Lease_lost", "lease-lost", "lease_lost "}) {
    CAPTURE(text);
    CHECK_FALSE(error_code_from(text).has_value());
  }
}

TEST_CASE("a validation error names its field, or the body") {
  const Error field = invalid_argument("/priority", "must be 0..9");
  CHECK(field.code == ErrorCode::invalid_argument);
  CHECK(field.detail == "/priority must be 0..9");
  REQUIRE(field.fields.size() == 1);
  CHECK(field.fields[0].pointer == "/priority");
  CHECK(field.fields[0].detail == "must be 0..9");
  CHECK(invalid_argument("", "must be an object").detail == "the body must be an object");
}

}  // namespace
}  // namespace quern
