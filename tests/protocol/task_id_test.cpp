#include "quern/protocol/task_id.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <unordered_set>

namespace quern {
namespace {

TEST_CASE("an id's fields stand at their places, bit for bit") {
  struct Row {
    TaskId::Parts parts;
    const char* text;
  };
  for (const Row& row : {
           Row{{}, "00000000-0000-7000-8000-000000000000"},
           Row{{.unix_ms = 0x0123'4567'89AB}, "01234567-89ab-7000-8000-000000000000"},
           Row{{.unix_ms = 0xFFFF'FFFF'FFFF}, "ffffffff-ffff-7000-8000-000000000000"},
           Row{{.sequence = 0xABC}, "00000000-0000-7abc-8000-000000000000"},
           Row{{.partition = 0x3F}, "00000000-0000-7000-bf00-000000000000"},
           Row{{.partition = 0x01}, "00000000-0000-7000-8100-000000000000"},
           Row{{.queue = 0x123456}, "00000000-0000-7000-8012-345600000000"},
           Row{{.lane = 10}, "00000000-0000-7000-8000-0000a0000000"},
           Row{{.random = 0x0FED'CBA9}, "00000000-0000-7000-8000-00000fedcba9"},
           Row{{.random = 0xFFFF'FFFF}, "00000000-0000-7000-8000-00000fffffff"},
           Row{{.unix_ms = 0x0190'0000'0001,
           .sequence = 0xFFF,
           .partition = 2,
           .queue = TaskId::queue_max,
           .lane = 9,
           .random = 1},
               "01900000-0001-7fff-82ff-ffff90000001"},
       }) {
    CAPTURE(row.text);
    CHECK(TaskId::from(row.parts).text() == row.text);
  }
}

TEST_CASE("an id gives back the parts that it was made from") {
  const TaskId id = TaskId::from({.unix_ms = 0x0190'1234'5678,
                                  .sequence = 0x9A5,
                                  .partition = 0x2D,
                                  .queue = 0xC0FFEE,
                                  .lane = TaskId::lane_later,
                                  .random = 0x0BAD'F00D});
  CHECK(id.unix_ms() == 0x0190'1234'5678);
  CHECK(id.sequence() == 0x9A5);
  CHECK(id.partition() == 0x2D);
  CHECK(id.queue() == 0xC0FFEE);
  CHECK(id.lane() == TaskId::lane_later);
  CHECK(TaskId::from_bytes(id.view()) == id);
  CHECK(TaskId::parse(id.text()) == id);
  CHECK(id.view().size() == 16);
}

TEST_CASE("ids sort as their bytes do: by time, then sequence") {
  const TaskId first = TaskId::from({.unix_ms = 255, .sequence = 4095});
  const TaskId second = TaskId::from({.unix_ms = 256, .sequence = 0});
  const TaskId third = TaskId::from({.unix_ms = 256, .sequence = 1});
  CHECK(first < second);
  CHECK(second < third);
  CHECK(first.view() < second.view());
  CHECK(first.text() < second.text());
}

TEST_CASE("only the canonical text of a UUIDv7 is an id") {
  const std::string good = "01901234-5678-79a5-ad0c-0ffeea0bad0d";
  REQUIRE(TaskId::parse(good).has_value());
  CHECK(TaskId::parse(good)->text() == good);
  for (const char* text : {
           "",
           "01901234-5678-79A5-ad0c-0ffeea0bad0d",   // upper case
           "01901234-5678-49a5-ad0c-0ffeea0bad0d",   // version 4
           "01901234-5678-79a5-2d0c-0ffeea0bad0d",   // variant 00
           "01901234-5678-79a5-cd0c-0ffeea0bad0d",   // variant 11
           "01901234-5678-79a5-ad0c-0ffeea0bad0",    // short
           "01901234-5678-79a5-ad0c-0ffeea0bad0d0",  // long
           "0190123405678-79a5-ad0c-0ffeea0bad0d",   // a digit for a dash
           "01901234-5678-79a5-ad0c00ffeea0bad0d",
           "01901234-5678-79a5-ad0c-0ffeea0bad0g",
           "0190123-45678-79a5-ad0c-0ffeea0bad0d",  // dash out of place
           "{1901234-5678-79a5-ad0c-0ffeea0bad0}",
           "0190123456787 9a5ad0c0ffeea0bad0d000",
           "not an id",
       }) {
    CAPTURE(text);
    CHECK_FALSE(TaskId::parse(text).has_value());
  }
}

TEST_CASE("ids that differ in one part rarely share a hash") {
  std::unordered_set<TaskId> ids;
  std::set<std::size_t> low_bits;
  for (std::uint32_t i = 0; i < 4096; ++i) {
    const TaskId id = TaskId::from({.unix_ms = 0x0190'0000'0000, .sequence = i, .queue = 7});
    ids.insert(id);
    low_bits.insert(std::hash<TaskId>{}(id)&0xFFFF);
  }
  CHECK(ids.size() == 4096);
  // 4096 random values in 65536 places leave about 3970 distinct.
  CHECK(low_bits.size() > 3800);
}

}  // namespace
}  // namespace quern
