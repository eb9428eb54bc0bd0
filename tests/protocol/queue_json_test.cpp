#include "quern/protocol/queue_json.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "quern/protocol/limits.h"

namespace quern {
namespace {

using namespace std::chrono_literals;

constexpr auto put = SettingsBody::whole;
constexpr auto patch = SettingsBody::merge_patch;

Result<void> read(std::string_view text, SettingsBody body, QueueSettings& settings) {
  JsonReader reader(text);
  return read_settings(reader, body, settings);
}

// No setting has its default.
QueueSettings unusual() {
  return {.max_attempts = 7,
          .retry = {.strategy = RetryStrategy::linear,
                    .base = 5ms,
                    .factor = 1.25,
                    .max = 50ms,
                    .jitter = false},
          .lease = 1s,
          .timeout = 3s,
          .ttl = 4s,
          .retention = 0ms,
          .dead_retention = 6s,
          .idempotency_window = 7s,
          .max_backlog = limits::backlog_max,
          .paused = true};
}

std::string written(const QueueSettings& settings) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  write_settings(json, settings);
  json.end_object();
  return out;
}

TEST_CASE("the defaults are written as the contract lists them") {
  CHECK(written({}) ==
        R"({"max_attempts":5,"retry":{"strategy":"exponential","base_ms":2000,"factor":2,)"
        R"("max_ms":120000,"jitter":true},"lease_ms":60000,"timeout_ms":null,"ttl_ms":null,)"
        R"("retention_ms":86400000,"dead_retention_ms":null,"idempotency_window_ms":86400000,)"
        R"("max_backlog":null,"paused":false})");
}

TEST_CASE("settings that were written read back as they were, with PUT and with PATCH") {
  for (const QueueSettings& settings : {QueueSettings{}, unusual()}) {
    QueueSettings whole;
    REQUIRE(read(written(settings), put, whole).has_value());
    CHECK(whole == settings);
    QueueSettings patched = unusual();
    // A null in a patch means the default, which for these settings is "none" as well.
    REQUIRE(read(written(settings), patch, patched).has_value());
    CHECK(patched == settings);
  }
}

TEST_CASE("PATCH leaves alone what it does not name") {
  QueueSettings settings = unusual();
  REQUIRE(read("{}", patch, settings).has_value());
  CHECK(settings == unusual());
  REQUIRE(read(R"({"max_attempts": 9, "retry": {"factor": 3}})", patch, settings).has_value());
  QueueSettings expected = unusual();
  expected.max_attempts = 9;
  expected.retry.factor = 3;
  CHECK(settings == expected);
}

TEST_CASE("a null in a PATCH resets a setting to its default") {
  QueueSettings settings = unusual();
  REQUIRE(read(R"({"max_attempts": null, "retry": null, "lease_ms": null, "timeout_ms": null,
                   "ttl_ms": null, "retention_ms": null, "dead_retention_ms": null,
                   "idempotency_window_ms": null, "max_backlog": null, "paused": null})",
               patch, settings)
              .has_value());
  CHECK(settings == QueueSettings{});
}

TEST_CASE("a null inside a PATCH's retry resets that part only") {
  QueueSettings settings = unusual();
  REQUIRE(read(R"({"retry": {"factor": null, "strategy": null}})", patch, settings).has_value());
  QueueSettings expected = unusual();
  expected.retry.factor = 2;
  expected.retry.strategy = RetryStrategy::exponential;
  CHECK(settings == expected);
}

TEST_CASE("PUT takes null only where it means none") {
  QueueSettings settings;
  REQUIRE(read(R"({"timeout_ms": null, "ttl_ms": null, "dead_retention_ms": null,
                   "max_backlog": null})",
               put, settings)
              .has_value());
  CHECK(settings == QueueSettings{});
  for (const char* name :
       {"max_attempts", "retry", "lease_ms", "retention_ms", "idempotency_window_ms", "paused"}) {
    CAPTURE(name);
    const auto done = read("{\"" + std::string(name) + "\": null}", put, settings);
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error().fields.at(0).pointer == "/" + std::string(name));
  }
  const auto done = read(R"({"retry": {"factor": null}})", put, settings);
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().fields.at(0).pointer == "/retry/factor");
}

TEST_CASE("PUT's retry starts from the default policy") {
  QueueSettings settings;
  settings.retry = unusual().retry;
  REQUIRE(read(R"({"retry": {"base_ms": 10}})", put, settings).has_value());
  CHECK(settings.retry == RetryPolicy{.base = 10ms});
}

TEST_CASE("each setting is held to its type and range") {
  struct Row {
    const char* json;  // of one field
    const char* pointer;
    const char* detail;  // "" when it is fine
  };
  for (const Row& row : {
           Row{R"("max_attempts": 1)", "", ""},
           Row{R"("max_attempts": 100)", "", ""},
           Row{R"("max_attempts": 0)", "/max_attempts", "must be 1..100, not 0"},
           Row{R"("max_attempts": 101)", "/max_attempts", "must be 1..100, not 101"},
           Row{R"("max_attempts": "5")", "/max_attempts", "must be an integer 1..100, not \"5\""},
           Row{R"("max_attempts": 5.0)", "/max_attempts", "must be an integer 1..100, not 5.0"},
           Row{R"("lease_ms": 1000)", "", ""},
           Row{R"("lease_ms": 43200000)", "", ""},
           Row{R"("lease_ms": 999)", "/lease_ms", "must be 1000..43200000, not 999"},
           Row{R"("lease_ms": 43200001)", "/lease_ms", "must be 1000..43200000, not 43200001"},
           Row{R"("timeout_ms": 1)", "", ""},
           Row{R"("timeout_ms": 0)", "/timeout_ms", "must be 1..315619200000, not 0"},
           Row{R"("ttl_ms": 315619200000)", "", ""},
           Row{R"("ttl_ms": 315619200001)", "/ttl_ms", "must be 1..315619200000, not 315619200001"},
           Row{R"("ttl_ms": -1)", "/ttl_ms", "must be 1..315619200000, not -1"},
           Row{R"("retention_ms": 0)", "", ""},
           Row{R"("retention_ms": -1)", "/retention_ms", "must be 0..315619200000, not -1"},
           Row{R"("dead_retention_ms": 0)", "", ""},
           Row{R"("dead_retention_ms": "never")", "/dead_retention_ms",
               "must be an integer 0..315619200000, not \"never\""},
           Row{R"("idempotency_window_ms": 0)", "", ""},
           Row{R"("max_backlog": 1)", "", ""},
           Row{R"("max_backlog": 9007199254740992)", "", ""},
           Row{R"("max_backlog": 0)", "/max_backlog", "must be 1..9007199254740992, not 0"},
           Row{R"("max_backlog": 9007199254740993)", "/max_backlog",
               "must be 1..9007199254740992, not 9007199254740993"},
           Row{R"("paused": true)", "", ""},
           Row{R"("paused": 1)", "/paused", "must be true or false, not 1"},
           Row{R"("retry": {})", "", ""},
           Row{R"("retry": "fixed")", "/retry", "must be an object, not \"fixed\""},
           Row{R"("retry": {"strategy": "fixed"})", "", ""},
           Row{R"("retry": {"strategy": "Fixed"})", "/retry/strategy",
               "must be exponential, linear or fixed, not \"Fixed\""},
           Row{R"("retry": {"base_ms": 0, "max_ms": 0})", "", ""},
           Row{R"("retry": {"base_ms": -1})", "/retry/base_ms", "must be 0..315619200000, not -1"},
           Row{R"("retry": {"max_ms": 315619200001})", "/retry/max_ms",
               "must be 0..315619200000, not 315619200001"},
           Row{R"("retry": {"factor": 1.5})", "", ""},
           Row{R"("retry": {"factor": 0.99})", "/retry/factor",
               "must be a number from 1 to 1000, not 0.99"},
           Row{R"("retry": {"factor": 1001})", "/retry/factor",
               "must be a number from 1 to 1000, not 1001"},
           Row{R"("retry": {"jitter": "no"})", "/retry/jitter",
               "must be true or false, not \"no\""},
           Row{R"("retry": {"base": 1})", "/retry/base",
               "is not a part of a retry policy; known: strategy, base_ms, factor, max_ms, jitter"},
           Row{R"("max_retry": 3)", "/max_retry",
               "is not a setting; known: max_attempts, retry, lease_ms, timeout_ms, ttl_ms, "
               "retention_ms, dead_retention_ms, idempotency_window_ms, max_backlog, paused"},
           Row{R"("name": "q")", "/name", "is read-only: leave it out"},
           Row{R"("counts": {})", "/counts", "is read-only: leave it out"},
           Row{R"("oldest_ready_age_ms": 0)", "/oldest_ready_age_ms", "is read-only: leave it out"},
           Row{R"("paused": true, "paused": true)", "/paused", "is given twice"},
       }) {
    for (const SettingsBody body : {put, patch}) {
      CAPTURE(row.json);
      QueueSettings settings;
      const auto done = read("{" + std::string(row.json) + "}", body, settings);
      CHECK(done.has_value() == (*row.detail == '\0'));
      if (done) continue;
      CHECK(done.error().code == ErrorCode::invalid_argument);
      REQUIRE(done.error().fields.size() == 1);
      CHECK(done.error().fields[0].pointer == row.pointer);
      CHECK(done.error().fields[0].detail == row.detail);
      CHECK(done.error().detail == std::string(row.pointer) + " " + row.detail);
    }
  }
}

TEST_CASE("all wrong settings are named at once, and none is applied") {
  QueueSettings settings = unusual();
  const auto done = read(R"({"max_attempts": 3, "lease_ms": 1, "retry": {"factor": 0}, "x": 1})",
                         patch, settings);
  REQUIRE_FALSE(done.has_value());
  CHECK(settings == unusual());
  std::vector<std::string> pointers;
  for (const FieldError& field : done.error().fields) pointers.push_back(field.pointer);
  CHECK(pointers == std::vector<std::string>{"/lease_ms", "/retry/factor", "/x"});
  CHECK(done.error().detail == "/lease_ms must be 1000..43200000, not 1 (and 2 more)");
}

TEST_CASE("settings that are no object, or not JSON, change nothing") {
  QueueSettings settings = unusual();
  for (const char* text : {"null", "[]", "\"paused\"", "1"}) {
    CAPTURE(text);
    const auto done = read(text, patch, settings);
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error().code == ErrorCode::invalid_argument);
    CHECK(done.error().fields.at(0).pointer == "");
    CHECK(done.error().detail.starts_with("the body must be an object"));
  }
  for (const char* text : {"", "{", R"({"max_attempts": 3} x)", R"({"max_attempts": 3,})"}) {
    CAPTURE(text);
    const auto done = read(text, patch, settings);
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error().code == ErrorCode::invalid_json);
  }
  CHECK(settings == unusual());
}

TEST_CASE("a task's own retry gives only the parts that it names") {
  JsonReader reader(R"({"base_ms": 10, "jitter": false})");
  JsonBody body(reader);
  const RetryOverride over = read_retry(body, put);
  REQUIRE(body.finish().has_value());
  CHECK(over == RetryOverride{.base = 10ms, .jitter = false});
  RetryPolicy expected = unusual().retry;
  expected.base = 10ms;
  expected.jitter = false;
  CHECK(overridden(unusual().retry, over) == expected);
  CHECK(overridden(unusual().retry, {}) == unusual().retry);
}

}  // namespace
}  // namespace quern
