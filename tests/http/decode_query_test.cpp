#include <doctest/doctest.h>

#include "http/cursor.h"
#include "http/decode.h"
#include "http/target.h"
#include "refusal.h"

using namespace quern;
using namespace quern::http;
using namespace std::literals;

namespace {

Target target(std::string_view query) {
  Target target;
  REQUIRE(parse_target("/x?" + std::string(query), target));
  return target;
}

}  // namespace

TEST_CASE("a list of tasks is asked for by queue or correlation id") {
  const TaskId id = *TaskId::parse("0198c0de-0000-7abc-8123-456789abcdef");
  const auto query = decode_task_query(
      target("queue=q&correlation_id=a+b&state=retrying&type=t&limit=7&cursor=" + task_cursor(id)));
  REQUIRE(refusal(query) == "ok");
  CHECK(query->queue == "q");
  CHECK(query->correlation_id == "a b");
  CHECK(query->state == TaskState::retrying);
  CHECK(query->type == "t");
  CHECK(query->limit == 7);
  CHECK(query->after == id);
  CHECK(decode_task_query(target("correlation_id=c"))->limit == 100);
}

TEST_CASE("query parameters are checked as strictly as bodies") {
  struct Row {
    std::string_view query;
    std::string_view expected;
  };
  for (const Row& row : {
           Row{"", "invalid_argument /queue: is required, unless correlation_id is given"},
           Row{"queue=", "invalid_argument /queue: must be a name"},
           Row{"queue=q&state=gone", "invalid_argument /state: must be a state"},
           Row{"queue=q&limit=0", "invalid_argument /limit: must be an integer 1..1000"},
           Row{"queue=q&limit=1001", "invalid_argument /limit: must be an integer 1..1000"},
           Row{"queue=q&limit=1x", "invalid_argument /limit: must be an integer 1..1000"},
           Row{"queue=q&limit=+1", "invalid_argument /limit: must be an integer 1..1000"},
           Row{"queue=q&cursor=x", "invalid_argument /cursor: is not a cursor of this list"},
           Row{"queue=q&queue=q", "invalid_argument /queue: is given twice"},
           Row{"queue=q&page=2", "invalid_argument /page: is not a parameter of this path"},
           Row{"queue=q&%ff=2", "invalid_argument /query: is not a parameter of this path"},
           Row{"queue=q&Limit=2", "invalid_argument /Limit: is not a parameter of this path"},
       }) {
    CAPTURE(row.query);
    CAPTURE(refusal(decode_task_query(target(row.query))));
    CHECK(refused_as(decode_task_query(target(row.query)), row.expected));
  }
}

TEST_CASE("the other lists and waits have their own parameters") {
  CHECK(refusal(decode_no_query(target(""))) == "ok");
  CHECK(refused_as(decode_no_query(target("a=1")), "invalid_argument /a: is not a parameter"));

  CHECK(*decode_wait(target(""), {}) == 0ms);
  CHECK(*decode_wait(target("wait_ms=60000"), {}) == 60s);
  CHECK(refused_as(decode_wait(target("wait_ms=60001"), {}), "invalid_argument /wait_ms: must be"));

  CHECK(decode_queue_query(target("cursor=" + queue_cursor("q") + "&limit=2"))->after == "q");
  CHECK(refused_as(decode_queue_query(target("queue=q")), "invalid_argument /queue: is not"));

  CHECK_FALSE(*decode_force(target("")));
  CHECK(*decode_force(target("force=true")));
  CHECK(refused_as(decode_force(target("force=1")),
                   "invalid_argument /force: must be true or false"));

  CHECK(decode_dead_query(target("limit=3"))->limit == 3);
  CHECK(refused_as(decode_dead_query(target("cursor=" + queue_cursor("q"))),
                   "invalid_argument /cursor: is not a cursor of this list"));
}
