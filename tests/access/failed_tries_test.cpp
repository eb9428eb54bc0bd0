#include "access/failed_tries.h"

#include <doctest/doctest.h>

#include <string>

using namespace quern::access;
using namespace std::literals;

namespace {
const FailedTries::Time start{1h};
}

TEST_CASE("an address may try so often a minute, and is over the limit after that") {
  FailedTries tries(3);
  for (int i = 0; i < 3; ++i) CHECK_FALSE(tries.add("192.0.2.1", start + 1s * i).over);
  const auto fourth = tries.add("192.0.2.1", start + 20s);
  CHECK(fourth.over);
  CHECK(fourth.is_first_over);
  CHECK(fourth.left == 40s);
  const auto fifth = tries.add("192.0.2.1", start + 59s + 999ms);
  CHECK(fifth.over);
  CHECK_FALSE(fifth.is_first_over);
  CHECK(fifth.left == 1s);
  CHECK_FALSE(tries.add("192.0.2.2", start + 20s).over);
  CHECK_FALSE(tries.add("192.0.2.1", start + 60s).over);
}

TEST_CASE("IPv6 addresses of one network count together, those of another do not") {
  FailedTries tries(1);
  CHECK_FALSE(tries.add("2001:db8:1:2::1", start).over);
  CHECK(tries.add("2001:db8:1:2:3:4:5:6", start).over);
  CHECK_FALSE(tries.add("2001:db8:1:3::1", start).over);
  CHECK_FALSE(tries.add("::1", start).over);
  CHECK(tries.add("::1", start).over);
}

TEST_CASE("addresses beyond the table's bound share one count, until there is room again") {
  FailedTries tries(2);
  for (std::size_t i = 0; i < FailedTries::addresses_max; ++i) {
    tries.add("10." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ".1", start);
  }
  CHECK_FALSE(tries.add("192.0.2.1", start).over);
  CHECK_FALSE(tries.add("192.0.2.2", start).over);
  CHECK(tries.add("192.0.2.3", start).over);
  // Those that are known have their own still.
  CHECK_FALSE(tries.add("10.0.0.1", start).over);
  // A window later the strangers have made room.
  CHECK_FALSE(tries.add("192.0.2.4", start + 60s).over);
  CHECK_FALSE(tries.add("192.0.2.4", start + 60s).over);
  CHECK(tries.add("192.0.2.4", start + 60s).over);
  CHECK_FALSE(tries.add("192.0.2.5", start + 60s).over);
}
