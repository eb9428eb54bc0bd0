#include <doctest/doctest.h>

#include "http/decode.h"
#include "refusal.h"

using namespace quern;
using namespace quern::http;

namespace {
const std::string id = "0198c0de-0000-7abc-8123-456789abcdef";
}

TEST_CASE("a redrive names its tasks, or filters all of them") {
  const auto some = decode_redrive_dead("q", R"({"ids":[")" + id + R"("],"to_queue":"other"})", {});
  REQUIRE(refusal(some) == "ok");
  REQUIRE(some->filter.ids);
  CHECK(some->filter.ids->front().text() == id);
  CHECK(some->to_queue == "other");

  const auto all = decode_redrive_dead("q", R"({"all":true,"type":"t","dead_reason":"expired",
    "error_type":"E","before":"2026-11-23T09:00:00Z","limit":7,"rate_per_second":0.5})",
                                       {});
  REQUIRE(refusal(all) == "ok");
  CHECK_FALSE(all->filter.ids);
  CHECK(all->filter.type == "t");
  CHECK(all->filter.dead_reason == DeadReason::expired);
  CHECK(all->filter.error_type == "E");
  CHECK(all->filter.before == parse_rfc3339("2026-11-23T09:00:00Z"));
  CHECK(all->filter.limit == 7);
  CHECK(all->rate_per_second == 0.5);

  CHECK(refusal(decode_discard_dead("q", R"({"all":true})", {})) == "ok");
}

TEST_CASE("whatever is wrong with a redrive or discard is refused where it stands") {
  struct Row {
    std::string body;
    std::string_view expected;
  };
  for (const Row& row : {
           Row{"{}", "invalid_argument /ids: is required, unless all is true"},
           Row{R"({"all":false})", "invalid_argument /all: must be true"},
           Row{R"({"all":true,"ids":[]})",
               "invalid_argument /all: cannot be given together with ids"},
           Row{R"({"ids":["x"]})", "invalid_argument /ids/0: must be the id of a task"},
           Row{R"({"ids":[1]})", "invalid_argument /ids/0: must be the id of a task"},
           Row{R"({"all":true,"dead_reason":""})", "invalid_argument /dead_reason: must be"},
           Row{R"({"all":true,"limit":0})", "invalid_argument /limit: must be 1.."},
           Row{R"({"all":true,"before":1})", "invalid_argument /before: must be an RFC 3339 time"},
       }) {
    CAPTURE(row.body);
    CHECK(refused_as(decode_redrive_dead("q", row.body, {}), row.expected));
    CHECK(refused_as(decode_discard_dead("q", row.body, {}), row.expected));
  }
  CHECK(refused_as(decode_redrive_dead("q", R"({"all":true,"rate_per_second":0})", {}),
                   "invalid_argument /rate_per_second: must be"));
  CHECK(refused_as(decode_discard_dead("q", R"({"all":true,"to_queue":"a"})", {}),
                   "invalid_argument /to_queue: is not a field of a discard"));
  CHECK(refused_as(decode_redrive_dead("q q", "{}", {}), "queue_not_found"));
}
