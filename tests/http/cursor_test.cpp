#include "http/cursor.h"

#include <doctest/doctest.h>

using namespace quern;
using namespace quern::http;

TEST_CASE("a cursor comes back as what it was made of") {
  const TaskId id = *TaskId::parse("0198c0de-0000-7abc-8123-456789abcdef");
  CHECK(task_cursor_from(task_cursor(id)) == id);
  CHECK(queue_cursor_from(queue_cursor("mail.out")) == "mail.out");
  const auto dead =
      dead_cursor_from(dead_cursor({.died_at = Timestamp{1'700'000'000'123}, .id = id}));
  REQUIRE(dead);
  CHECK(dead->died_at == Timestamp{1'700'000'000'123});
  CHECK(dead->id == id);
}

TEST_CASE("a cursor of another list, or none at all, is not taken for one") {
  const TaskId id = *TaskId::parse("0198c0de-0000-7abc-8123-456789abcdef");
  CHECK_FALSE(task_cursor_from(queue_cursor("a")));
  CHECK_FALSE(task_cursor_from(dead_cursor({.died_at = {}, .id = id})));
  CHECK_FALSE(dead_cursor_from(task_cursor(id)));
  CHECK_FALSE(queue_cursor_from(task_cursor(id)));
  // Nor one that is as long as it should be.
  CHECK_FALSE(task_cursor_from(queue_cursor("sixteen_bytes_as")));
  CHECK_FALSE(dead_cursor_from(queue_cursor("twenty-four_bytes_as_its")));
  for (const std::string text : {"", "a", "!", "====", "dGhpcyBpcyBub3QgYSBjdXJzb3I"}) {
    CAPTURE(text);
    CHECK_FALSE(task_cursor_from(text));
    CHECK_FALSE(dead_cursor_from(text));
    CHECK_FALSE(queue_cursor_from(text));
  }
  CHECK_FALSE(task_cursor_from(task_cursor(id) + "A"));
  CHECK_FALSE(task_cursor_from(task_cursor(id) + "="));
}
