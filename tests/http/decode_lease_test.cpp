#include <doctest/doctest.h>

#include "http/decode.h"
#include "refusal.h"

using namespace quern;
using namespace quern::http;
using namespace std::literals;

namespace {

Result<engine::Lease> lease(std::string_view body) { return decode_lease(body, RequestLimits{}); }

std::string names(std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    out += (i == 0 ? "\"q" : ",\"q") + std::to_string(i) + "\"";
  }
  return out;
}

}  // namespace

TEST_CASE("a lease that names only queues has the defaults") {
  const auto decoded = lease(R"({"queues":["a","b","a"]})");
  REQUIRE(refusal(decoded) == "ok");
  CHECK(decoded->queues == std::vector<std::string>{"a", "b"});
  CHECK(decoded->tasks_max == 1);
  CHECK(decoded->wait == 0ms);
  CHECK_FALSE(decoded->lease);
  CHECK(decoded->worker_id == "");
  CHECK(decoded->settle.empty());
}

TEST_CASE("a lease that says everything keeps it") {
  const auto decoded = lease(R"({"queues":["a"],"max_tasks":0,"wait_ms":60000,"lease_ms":1000,
    "worker_id":"w é","settle":[{"op":"release","id":"x","lease_token":""}]})");
  REQUIRE(refusal(decoded) == "ok");
  CHECK(decoded->tasks_max == 0);
  CHECK(decoded->wait == 60s);
  CHECK(decoded->lease == 1s);
  CHECK(decoded->worker_id == "w é");
  CHECK(decoded->settle.size() == 1);
  CHECK(refusal(lease(R"({"queues":[)" + names(100) + "]}")) == "ok");
}

TEST_CASE("whatever is wrong with a lease is refused where it stands") {
  struct Row {
    std::string body;
    std::string_view expected;
  };
  for (const Row& row : {
           Row{"{}", "invalid_argument /queues: is required"},
           Row{R"({"queues":"a"})", "invalid_argument /queues: must be an array"},
           Row{R"({"queues":[]})", "invalid_argument /queues: must name at least one queue"},
           Row{R"({"queues":["a","b c"]})", "invalid_argument /queues/1: must be a name"},
           Row{R"({"queues":[)" + names(101) + "]}",
               "invalid_argument /queues: must have at most 100"},
           Row{R"({"queues":["a"],"max_tasks":1001})",
               "invalid_argument /max_tasks: must be 0..1000"},
           Row{R"({"queues":["a"],"max_tasks":-1})",
               "invalid_argument /max_tasks: must be 0..1000"},
           Row{R"({"queues":["a"],"wait_ms":60001})",
               "invalid_argument /wait_ms: must be 0..60000"},
           Row{R"({"queues":["a"],"lease_ms":43200001})", "invalid_argument /lease_ms: must be"},
           Row{R"({"queues":["a"],"worker_id":7})",
               "invalid_argument /worker_id: must be a string"},
           Row{R"({"queues":["a"],"settle":[{"op":"nack"}]})",
               "invalid_argument /settle/0/op: must be"},
           Row{R"({"queues":["a"],"max":1})", "invalid_argument /max: is not a field of a lease"},
       }) {
    CAPTURE(row.body);
    CAPTURE(refusal(lease(row.body)));
    CHECK(refused_as(lease(row.body), row.expected));
  }
}
