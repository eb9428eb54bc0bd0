#include <doctest/doctest.h>

#include <string>

#include "http/decode.h"
#include "refusal.h"

using namespace quern;
using namespace quern::http;
using namespace std::literals;

namespace {

constexpr RequestLimits request_limits{.payload_bytes_max = 100, .batch_tasks_max = 3};
const DecodeContext context{.limits = request_limits,
                            .now = *parse_rfc3339("2026-11-23T09:00:00Z")};

Result<engine::Submit> submit(std::string_view body, const KnownFields& fields = {}) {
  return decode_submit(fields, body, context);
}

Result<engine::Submit> batch(std::string_view body, const KnownFields& fields = {}) {
  return decode_batch(fields, body, context);
}

KnownFields with(Known field, std::string_view value) {
  KnownFields fields;
  fields.values[static_cast<std::size_t>(field)] = value;
  return fields;
}

const record::TaskBody& body_of(const Result<engine::Submit>& submit, std::size_t index = 0) {
  return *submit->tasks.at(index).body;
}

}  // namespace

TEST_CASE("a task that says only its type has the defaults") {
  const auto decoded = submit(R"({"type": "render"})");
  REQUIRE(refusal(decoded) == "ok");
  CHECK_FALSE(decoded->batch);
  const engine::NewTask& task = decoded->tasks.front();
  CHECK(task.queue == "default");
  CHECK_FALSE(task.delay);
  CHECK_FALSE(task.ttl);
  CHECK(task.body->type() == "render");
  CHECK(task.body->payload() == "null");
  CHECK(task.body->priority() == 5);
  CHECK(task.body->run_at() == 0);
  CHECK(task.body->expires_at() == 0);
  CHECK_FALSE(task.body->has_max_attempts());
  CHECK_FALSE(task.body->has_retry());
  CHECK_FALSE(task.body->has_lease_ms());
  CHECK_FALSE(task.body->has_timeout_ms());
  CHECK(task.body->correlation_id() == "");
  CHECK(task.body->metadata_size() == 0);
}

TEST_CASE("a task that says everything keeps it") {
  const auto decoded = submit(R"({
    "queue": "docs", "type": "index", "payload": {"b": 1e400, "a": "\ud800", "b":2 },
    "priority": 0, "delay_ms": 5, "expires_at": "2026-11-23T10:00:00.250Z", "max_attempts": 100,
    "retry": {"strategy": "fixed", "base_ms": 10, "jitter": false}, "lease_ms": 1000,
    "timeout_ms": 7, "idempotency_key": "k 1", "correlation_id": "c", "metadata": {"m": "é"}})");
  REQUIRE(refusal(decoded) == "ok");
  const engine::NewTask& task = decoded->tasks.front();
  CHECK(task.queue == "docs");
  CHECK(task.delay == 5ms);
  const record::TaskBody& body = *task.body;
  CHECK(body.payload() == R"({"b": 1e400, "a": "\ud800", "b":2 })");
  CHECK(body.priority() == 0);
  CHECK(body.expires_at() == parse_rfc3339("2026-11-23T10:00:00.250Z")->ms);
  CHECK(body.max_attempts() == 100);
  CHECK(body.retry().strategy() == static_cast<std::uint32_t>(RetryStrategy::fixed));
  CHECK(body.retry().base_ms() == 10);
  CHECK_FALSE(body.retry().has_factor());
  CHECK_FALSE(body.retry().has_max_ms());
  CHECK(body.retry().has_jitter());
  CHECK_FALSE(body.retry().jitter());
  CHECK(body.lease_ms() == 1000);
  CHECK(body.timeout_ms() == 7);
  CHECK(body.idempotency_key() == "k 1");
  CHECK(body.correlation_id() == "c");
  REQUIRE(body.metadata_size() == 1);
  CHECK(body.metadata(0).key() == "m");
  CHECK(body.metadata(0).value() == "é");
}

TEST_CASE("whatever is wrong with a task is refused where it stands") {
  struct Row {
    std::string_view body;
    std::string_view expected;
  };
  for (const Row& row : {
           Row{"", "invalid_json"},
           Row{" ", "invalid_json"},
           Row{"{", "invalid_json"},
           Row{R"({"type":"a"}x)", "invalid_json"},
           Row{R"({"type":"a",})", "invalid_json"},
           Row{"{\"type\":\"\xff\"}", "invalid_json"},
           Row{"[]", "invalid_argument : must be an object"},
           Row{"{}", "invalid_argument /type: is required"},
           Row{R"({"type":null})", "invalid_argument /type: must be a name"},
           Row{R"({"type":"a b"})", "invalid_argument /type: must be a name"},
           Row{R"({"type":"a","max_retry":1})",
               "invalid_argument /max_retry: is not a field of a task"},
           Row{R"({"type":"a","type":"a"})", "invalid_argument /type: is given twice"},
           Row{R"({"type":"a","queue":""})", "invalid_argument /queue: must be a name"},
           Row{R"({"type":"a","priority":10})", "invalid_argument /priority: must be 0..9"},
           Row{R"({"type":"a","priority":1.0})",
               "invalid_argument /priority: must be an integer 0..9"},
           Row{R"({"type":"a","priority":"1"})",
               "invalid_argument /priority: must be an integer 0..9"},
           Row{R"({"type":"a","delay_ms":-1})", "invalid_argument /delay_ms: must be 0.."},
           Row{R"({"type":"a","delay_ms":315619200001})",
               "invalid_argument /delay_ms: must be 0.."},
           Row{R"({"type":"a","ttl_ms":0})", "invalid_argument /ttl_ms: must be 1.."},
           Row{R"({"type":"a","run_at":"tomorrow"})",
               "invalid_argument /run_at: must be an RFC 3339 time"},
           Row{R"({"type":"a","run_at":"2037-11-23T09:00:00Z"})",
               "invalid_argument /run_at: must be at most ten years"},
           Row{R"({"type":"a","expires_at":"2037-11-23T09:00:00Z"})",
               "invalid_argument /expires_at: must be at most ten years"},
           Row{R"({"type":"a","delay_ms":1,"run_at":"2026-11-23T09:00:00Z"})",
               "invalid_argument /run_at: cannot be given together with delay_ms"},
           Row{R"({"type":"a","ttl_ms":1,"expires_at":"2026-11-23T09:00:00Z"})",
               "invalid_argument /expires_at: cannot be given together with ttl_ms"},
           Row{R"({"type":"a","max_attempts":0})",
               "invalid_argument /max_attempts: must be 1..100"},
           Row{R"({"type":"a","retry":{"strategy":"never"}})",
               "invalid_argument /retry/strategy: must be"},
           Row{R"({"type":"a","retry":{"base":1}})", "invalid_argument /retry/base: is not"},
           Row{R"({"type":"a","lease_ms":999})",
               "invalid_argument /lease_ms: must be 1000..43200000"},
           Row{R"({"type":"a","timeout_ms":0})", "invalid_argument /timeout_ms: must be 1.."},
           Row{R"({"type":"a","idempotency_key":""})",
               "invalid_argument /idempotency_key: must be"},
           Row{R"({"type":"a","correlation_id":"é"})", "invalid_argument /correlation_id: must be"},
           Row{R"({"type":"a","metadata":{"k":1}})",
               "invalid_argument /metadata/k: must be a string"},
           Row{R"({"type":"a","metadata":[]})", "invalid_argument /metadata: must be an object"},
           Row{R"({"type":"a","metadata":{"k":"","k":""}})",
               "invalid_argument /metadata/k: is given twice"},
           Row{R"({"priority":10,"delay_ms":-1})",
               "invalid_argument /priority: must be 0..9, not 10 | /delay_ms"},
       }) {
    CAPTURE(row.body);
    const auto decoded = submit(row.body);
    CAPTURE(refusal(decoded));
    CHECK(refused_as(decoded, row.expected));
  }
}

TEST_CASE("a payload may be so large and no larger") {
  const std::string most = "\"" + std::string(98, 'x') + "\"";
  CHECK(refusal(submit(R"({"type":"a","payload":)" + most + "}")) == "ok");
  const std::string more = "\"" + std::string(99, 'x') + "\"";
  CHECK(refused_as(submit(R"({"type":"a","payload":)" + more + "}"),
                   "payload_too_large /payload: is 101 bytes; the limit is 100"));
}

TEST_CASE("metadata may be so large and no larger, trace headers included") {
  const auto of = [](std::size_t bytes) {
    return R"({"type":"a","metadata":{"k":")" + std::string(bytes - 1, 'x') + "\"}}";
  };
  CHECK(refusal(submit(of(4096))) == "ok");
  CHECK(refused_as(submit(of(4097)), "invalid_argument /metadata: must be at most 4096 bytes"));
  CHECK(refused_as(submit(of(4096), with(Known::traceparent, "00-1-2-03")),
                   "invalid_argument /metadata: must be at most 4096 bytes, the trace headers"));
}

TEST_CASE(
    "an idempotency key may come in a header, bare or quoted, and must not contradict itself") {
  struct Row {
    std::string_view header;
    std::string_view key;  // expected
  };
  for (const Row& row : {Row{"abc", "abc"}, Row{"\"abc\"", "abc"}, Row{R"("a\"b\\c")", R"(a"b\c)"},
                         Row{"a b", "a b"}, Row{"a\"b", "a\"b"}}) {
    CAPTURE(row.header);
    const auto decoded = submit(R"({"type":"a"})", with(Known::idempotency_key, row.header));
    REQUIRE(refusal(decoded) == "ok");
    CHECK(body_of(decoded).idempotency_key() == row.key);
  }
  for (const std::string_view header :
       {"", "\"", "\"\"", "\"abc", "\"abc\"d", "\"abc\\", R"("a\nb")", "caf\xc3\xa9"}) {
    CAPTURE(header);
    CHECK(refused_as(submit(R"({"type":"a"})", with(Known::idempotency_key, header)),
                     "invalid_argument /Idempotency-Key: must be 1..255 bytes"));
  }
  const auto both = [](std::string_view header) {
    return submit(R"({"type":"a","idempotency_key":"abc"})", with(Known::idempotency_key, header));
  };
  CHECK(refusal(both("abc")) == "ok");
  CHECK(refusal(both("\"abc\"")) == "ok");
  CHECK(refused_as(both("abd"), "invalid_argument /idempotency_key: differs from the header"));
}

TEST_CASE("a correlation id may come in a header, and must not contradict itself") {
  const auto decoded = submit(R"({"type":"a"})", with(Known::correlation_id, "order 7"));
  REQUIRE(refusal(decoded) == "ok");
  CHECK(body_of(decoded).correlation_id() == "order 7");
  CHECK(refused_as(submit(R"({"type":"a","correlation_id":"x"})", with(Known::correlation_id, "y")),
                   "invalid_argument /correlation_id: differs from the header X-Correlation-ID"));
  CHECK(refused_as(submit(R"({"type":"a"})", with(Known::correlation_id, std::string(129, 'x'))),
                   "invalid_argument /X-Correlation-ID: must be 1..128 bytes"));
}

TEST_CASE("trace headers go into the metadata, over what the client put there itself") {
  KnownFields fields = with(Known::traceparent, "00-aa-bb-01");
  fields.tracestate = "v=1";
  const auto decoded = submit(R"({"type":"a","metadata":{"traceparent":"mine","k":"v"}})", fields);
  REQUIRE(refusal(decoded) == "ok");
  const record::TaskBody& body = body_of(decoded);
  REQUIRE(body.metadata_size() == 3);
  CHECK(body.metadata(0).value() == "00-aa-bb-01");
  CHECK(body.metadata(1).value() == "v");
  CHECK(body.metadata(2).key() == "tracestate");
  CHECK(refused_as(submit(R"({"type":"a"})", with(Known::traceparent, "\xff")),
                   "invalid_argument /traceparent: must be printable ASCII"));
}

TEST_CASE("a batch keeps its order, and its problems say which task") {
  const auto decoded = batch(R"({"tasks":[{"type":"a"},{"type":"b","queue":"q"}]})");
  REQUIRE(refusal(decoded) == "ok");
  CHECK(decoded->batch);
  REQUIRE(decoded->tasks.size() == 2);
  CHECK(body_of(decoded, 0).type() == "a");
  CHECK(decoded->tasks[1].queue == "q");

  struct Row {
    std::string_view body;
    std::string_view expected;
  };
  for (
      const Row& row : {
          Row{"{}", "invalid_argument /tasks: is required"},
          Row{R"({"tasks":{}})", "invalid_argument /tasks: must be an array"},
          Row{R"({"tasks":[]})", "invalid_argument /tasks: must have at least one task"},
          Row{R"({"tasks":[1]})", "invalid_argument /tasks/0: must be an object"},
          Row{R"({"tasks":[{"type":"a"},{}]})", "invalid_argument /tasks/1/type: is required"},
          Row{R"({"tasks":[{"type":"a"},{"type":"a","priority":11}]})",
              "invalid_argument /tasks/1/priority: must be 0..9"},
          Row{R"({"tasks":[{"type":"a"},{"type":"a","delay_ms":1,"run_at":"2026-11-23T09:00:00Z"}]})",
              "invalid_argument /tasks/1/run_at: cannot"},
          Row{R"({"tasks":[{"type":"a"},{"type":"a"},{"type":"a"},{"type":"a"}]})",
              "invalid_argument /tasks: must have at most 3 items"},
          Row{R"({"tasks":[],"queue":"q"})", "invalid_argument /tasks: must have"},
      }) {
    CAPTURE(row.body);
    CAPTURE(refusal(batch(row.body)));
    CHECK(refused_as(batch(row.body), row.expected));
  }
  CHECK(refused_as(
      batch(R"({"tasks":[{"type":"a"},{"type":"a","payload":")" + std::string(100, 'x') + "\"}]}"),
      "payload_too_large /tasks/1/payload"));
}

TEST_CASE("headers of a batch: a default correlation id, no idempotency key") {
  const auto decoded = batch(R"({"tasks":[{"type":"a"},{"type":"b","correlation_id":"own"}]})",
                             with(Known::correlation_id, "all"));
  REQUIRE(refusal(decoded) == "ok");
  CHECK(body_of(decoded, 0).correlation_id() == "all");
  CHECK(body_of(decoded, 1).correlation_id() == "own");
  CHECK(refused_as(batch(R"({"tasks":[{"type":"a"}]})", with(Known::idempotency_key, "k")),
                   "invalid_argument /Idempotency-Key: belongs to single tasks"));
  const auto traced =
      batch(R"({"tasks":[{"type":"a"},{"type":"b"}]})", with(Known::traceparent, "00-aa-bb-01"));
  REQUIRE(refusal(traced) == "ok");
  CHECK(body_of(traced, 1).metadata(0).key() == "traceparent");
}
