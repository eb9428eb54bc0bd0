#include "quern/protocol/timestamp.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>

namespace quern {
namespace {

TEST_CASE("a time is shown in UTC with three decimals") {
  struct Row {
    std::int64_t ms;
    const char* text;
  };
  for (const Row& row : {
           Row{0, "1970-01-01T00:00:00.000Z"},
           Row{1, "1970-01-01T00:00:00.001Z"},
           Row{-1, "1969-12-31T23:59:59.999Z"},
           Row{951'782'400'000, "2000-02-29T00:00:00.000Z"},
           Row{1'795'425'000'123, "2026-11-23T09:10:00.123Z"},
           Row{4'107'542'399'999, "2100-02-28T23:59:59.999Z"},
           Row{4'107'542'400'000, "2100-03-01T00:00:00.000Z"},
           Row{253'402'300'799'999, "9999-12-31T23:59:59.999Z"},
           Row{-62'167'219'200'000, "0000-01-01T00:00:00.000Z"},
       }) {
    CAPTURE(row.text);
    CHECK(to_rfc3339({row.ms}) == row.text);
  }
}

TEST_CASE("an instant outside the years 0000 to 9999 is shown as the nearest one inside") {
  CHECK(to_rfc3339({std::numeric_limits<std::int64_t>::max()}) == "9999-12-31T23:59:59.999Z");
  CHECK(to_rfc3339({std::numeric_limits<std::int64_t>::min()}) == "0000-01-01T00:00:00.000Z");
}

TEST_CASE("every RFC 3339 spelling of an instant is read") {
  struct Row {
    const char* text;
    std::int64_t ms;
  };
  for (const Row& row : {
           Row{"1970-01-01T00:00:00Z", 0},
           Row{"2026-11-23T09:10:00.123Z", 1'795'425'000'123},
           Row{"2026-11-23t09:10:00.123z", 1'795'425'000'123},
           Row{"2026-11-23T11:10:00.123+02:00", 1'795'425'000'123},
           Row{"2026-11-23T03:40:00.123-05:30", 1'795'425'000'123},
           Row{"2026-11-23T09:10:00.123-00:00", 1'795'425'000'123},
           Row{"2026-11-23T09:10:00.1Z", 1'795'425'000'100},
           Row{"2026-11-23T09:10:00.12Z", 1'795'425'000'120},
           Row{"2026-11-23T09:10:00.1239999999999999999Z", 1'795'425'000'123},
           Row{"2026-11-23T09:10:00.0009Z", 1'795'425'000'000},
           Row{"2000-02-29T00:00:00Z", 951'782'400'000},
           Row{"1969-12-31T23:30:00-00:30", 0},
           Row{"1970-01-01T23:59:00+23:59", 0},
           Row{"9999-12-31T23:59:59.9999Z", 253'402'300'799'999},
       }) {
    CAPTURE(row.text);
    const auto read = parse_rfc3339(row.text);
    REQUIRE(read.has_value());
    CHECK(read->ms == row.ms);
  }
}

TEST_CASE("what is not an RFC 3339 date-time of 1970 to 9999 is refused") {
  for (const char* text : {
           "",
           "2026-11-23",
           "2026-11-23T09:10:00",        // no offset
           "2026-11-23 09:10:00Z",       // a space
           "2026-11-23T09:10Z",          // no seconds
           "2026-11-23T09:10:00.Z",      // a point without decimals
           "2026-11-23T09:10:00,5Z",     // a comma
           "2026-11-23T09:10:00Z ",      // trailing space
           " 2026-11-23T09:10:00Z",      // leading space
           "2026-11-23T09:10:00ZZ",      //
           "2026-11-23T09:10:00+0200",   // no colon
           "2026-11-23T09:10:00+02",     //
           "2026-11-23T09:10:00+24:00",  //
           "2026-11-23T09:10:00+02:60",  //
           "2026-11-23T24:00:00Z",       //
           "2026-11-23T09:60:00Z",       //
           "2016-12-31T23:59:60Z",       // a leap second, which Unix time does not have
           "2026-00-10T09:10:00Z",       //
           "2026-13-10T09:10:00Z",       //
           "2026-11-00T09:10:00Z",       //
           "2026-11-31T09:10:00Z",       //
           "2026-02-29T09:10:00Z",       //
           "2100-02-29T09:10:00Z",       //
           "26-11-23T09:10:00Z",         //
           "+2026-11-23T09:10:00Z",      //
           "12026-11-23T09:10:00Z",      //
           "2026-1-23T09:10:00Z",        //
           "2026-11-23T9:10:00Z",        //
           "1969-12-31T23:59:59.999Z",   // before 1970
           "1970-01-01T00:00:00+00:01",  // before 1970
           "9999-12-31T23:59:59-00:01",  // after 9999
           "0000-01-01T00:00:00Z",       //
           "1795425000123",              //
       }) {
    CAPTURE(text);
    CHECK_FALSE(parse_rfc3339(text).has_value());
  }
  CHECK_FALSE(parse_rfc3339(std::string("2026-11-23T09:10:00\0Z", 21)).has_value());
}

TEST_CASE("a time that is shown reads back as it was") {
  // A step that is coprime to days and years, so that all fields vary.
  for (std::int64_t ms = 0; ms <= 253'402'300'799'999; ms += 86'399'999'977 * 7) {
    const auto read = parse_rfc3339(to_rfc3339({ms}));
    REQUIRE(read.has_value());
    REQUIRE(read->ms == ms);
  }
}

}  // namespace
}  // namespace quern
