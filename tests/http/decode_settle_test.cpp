#include <doctest/doctest.h>

#include "http/decode.h"
#include "refusal.h"

using namespace quern;
using namespace quern::http;
using namespace std::literals;
using engine::SettleVerb;

namespace {

constexpr RequestLimits request_limits{.payload_bytes_max = 100};
const std::string id = "0198c0de-0000-7abc-8123-456789abcdef";
const std::string token = "00112233445566778899aabbccddeeff";
const std::string token_bytes = "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"s;

Result<engine::SettleOne> one(SettleVerb verb, const std::string& fields) {
  return decode_settle_one(verb, id, R"({"lease_token":")" + token + "\"" + fields + "}",
                           request_limits);
}

Result<engine::Settle> list(const std::string& item) {
  return decode_settle(R"({"settle":[)" + item + "]}", request_limits);
}

}  // namespace

TEST_CASE("each verb takes its own fields") {
  const auto complete = one(SettleVerb::complete, R"(,"result": {"a" : 1e999})");
  REQUIRE(refusal(complete) == "ok");
  CHECK(complete->item.verb == SettleVerb::complete);
  CHECK(complete->item.id->text() == id);
  CHECK(complete->item.token == token_bytes);
  CHECK(complete->item.result == R"({"a" : 1e999})");
  CHECK(one(SettleVerb::complete, "")->item.result == "null");

  const auto fail = one(SettleVerb::fail, R"(,"error":{"type":"T","message":"m","details":[1]},
                                            "retryable":false,"retry_after_ms":5)");
  REQUIRE(refusal(fail) == "ok");
  CHECK(fail->item.error_type == "T");
  CHECK(fail->item.error_message == "m");
  CHECK(fail->item.error_details == "[1]");
  CHECK_FALSE(fail->item.retryable);
  CHECK(fail->item.retry_after == 5ms);
  CHECK(one(SettleVerb::fail, R"(,"error":{"type":"T"})")->item.retryable);
  for (const char* silent : {"", R"(,"error":{})", R"(,"error":{"message":"m"})"}) {
    CAPTURE(silent);
    CHECK(one(SettleVerb::fail, silent)->item.error_type == "error");
  }

  const auto heartbeat = one(SettleVerb::heartbeat, R"(,"lease_ms":1000,"progress":{"p":1})");
  REQUIRE(refusal(heartbeat) == "ok");
  CHECK(heartbeat->item.lease == 1000ms);
  CHECK(heartbeat->item.progress == R"({"p":1})");
  CHECK_FALSE(one(SettleVerb::heartbeat, "")->item.progress);

  CHECK(one(SettleVerb::release, "")->item.delay == 0ms);
  CHECK(one(SettleVerb::release, R"(,"delay_ms":9)")->item.delay == 9ms);
}

TEST_CASE("what a verb does not take is refused where it stands") {
  struct Row {
    SettleVerb verb;
    std::string fields;
    std::string_view expected;
  };
  for (const Row& row : {
           Row{SettleVerb::complete, R"(,"delay_ms":1)",
               "invalid_argument /delay_ms: is not a field of complete"},
           Row{SettleVerb::complete, R"(,"id":"x")", "invalid_argument /id: is not"},
           Row{SettleVerb::complete, ",\"result\":\"" + std::string(99, 'x') + "\"",
               "payload_too_large /result"},
           Row{SettleVerb::fail, R"(,"error":"oops")",
               "invalid_argument /error: must be an object"},
           Row{SettleVerb::fail, R"(,"error":{"type":""})",
               "invalid_argument /error/type: must be"},
           Row{SettleVerb::fail, R"(,"error":{"type":"T","stack":""})",
               "invalid_argument /error/stack: is not"},
           Row{SettleVerb::fail, R"(,"error":{"type":"T"},"retry_after_ms":-1)",
               "invalid_argument /retry_after_ms: must be"},
           Row{SettleVerb::heartbeat, R"(,"lease_ms":999)",
               "invalid_argument /lease_ms: must be 1000.."},
           Row{SettleVerb::heartbeat, ",\"progress\":\"" + std::string(65536, 'x') + "\"",
               "invalid_argument /progress: must be at most 65536 bytes"},
           Row{SettleVerb::release, R"(,"delay_ms":"1")", "invalid_argument /delay_ms: must be"},
       }) {
    CAPTURE(row.fields.substr(0, 100));
    const auto decoded = one(row.verb, row.fields);
    CAPTURE(refusal(decoded));
    CHECK(refused_as(decoded, row.expected));
  }
  CHECK(refused_as(decode_settle_one(SettleVerb::complete, id, "{}", request_limits),
                   "invalid_argument /lease_token: is required"));
  CHECK(refused_as(
      decode_settle_one(SettleVerb::complete, id, R"({"lease_token":1})", request_limits),
      "invalid_argument /lease_token: must be a string"));
  CHECK(refused_as(decode_settle_one(SettleVerb::complete, "x", "", request_limits),
                   "task_not_found"));
}

TEST_CASE("a token that could not be ours is one that holds nothing, not an error") {
  for (const std::string other : {"", "x", "00112233445566778899AABBCCDDEEFF",
                                  "00112233445566778899aabbccddeeff0", "0011223344556677"}) {
    CAPTURE(other);
    const auto decoded = decode_settle_one(SettleVerb::complete, id,
                                           R"({"lease_token":")" + other + "\"}", request_limits);
    REQUIRE(refusal(decoded) == "ok");
    CHECK(decoded->item.token == "");
  }
}

TEST_CASE("a settle list keeps its order; the verb may come last") {
  const std::string held = R"("lease_token":")" + token + "\"";
  const auto decoded = list(R"({"result":1,"id":")" + id + "\"," + held + R"(,"op":"complete"},)" +
                            R"({"op":"release","id":"no id",)" + held + "}");
  REQUIRE(refusal(decoded) == "ok");
  REQUIRE(decoded->items.size() == 2);
  CHECK(decoded->items[0].verb == SettleVerb::complete);
  CHECK(decoded->items[0].result == "1");
  CHECK(decoded->items[0].id_text == id);
  CHECK(decoded->items[1].verb == SettleVerb::release);
  CHECK(decoded->items[1].id_text == "no id");
  CHECK_FALSE(decoded->items[1].id);
  CHECK(refusal(decode_settle(R"({"settle":[]})", request_limits)) == "ok");
}

TEST_CASE("one malformed item refuses the whole list") {
  struct Row {
    std::string item;
    std::string_view expected;
  };
  for (const Row& row : {
           Row{"1", "invalid_argument /settle/0: must be an object"},
           Row{"{}", "invalid_argument /settle/0/op: is required | /settle/0/id: is required"},
           Row{R"({"op":"nack","id":"x"})",
               "invalid_argument /settle/0/op: must be complete, fail, heartbeat or release"},
           Row{R"({"op":"complete","id":"x"})",
               "invalid_argument /settle/0/lease_token: is required"},
           Row{R"({"op":"complete","id":1,"lease_token":""})",
               "invalid_argument /settle/0/id: must be a string"},
           Row{R"({"op":"release","id":"x","lease_token":"","result":1})",
               "invalid_argument /settle/0/result: is not a field of release"},
           Row{R"({"op":"release","id":"x","lease_token":"","what":1})",
               "invalid_argument /settle/0/what: is not a field of a settle item"},
       }) {
    CAPTURE(row.item);
    CAPTURE(refusal(list(row.item)));
    CHECK(refused_as(list(row.item), row.expected));
  }
  CHECK(refused_as(decode_settle("{}", request_limits), "invalid_argument /settle: is required"));

  std::string many = R"({"settle":[{})";
  for (int i = 0; i < 10'000; ++i) many += ",{}";
  const auto too_many = decode_settle(many + "]}", request_limits);
  CHECK(refused_as(too_many, "invalid_argument /settle"));
}
