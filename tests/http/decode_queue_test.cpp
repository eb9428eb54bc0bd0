#include <doctest/doctest.h>

#include "http/decode.h"
#include "refusal.h"

using namespace quern;
using namespace quern::http;
using namespace std::literals;

TEST_CASE("a PUT makes the settings whole, a PATCH is passed on as it came") {
  const auto put = decode_put_queue("q", R"({"max_attempts":3,"paused":true})", {});
  REQUIRE(refusal(put) == "ok");
  CHECK(put->name == "q");
  CHECK(put->settings.max_attempts == 3);
  CHECK(put->settings.paused);
  CHECK(put->settings.lease == 60s);

  const auto patch = decode_patch_queue("q", R"({"lease_ms": null})", {});
  REQUIRE(refusal(patch) == "ok");
  CHECK(patch->merge_patch == R"({"lease_ms": null})");
}

TEST_CASE("settings that are wrong are refused where they stand") {
  CHECK(refused_as(decode_put_queue("q", R"({"max_attempts":0})", {}),
                   "invalid_argument /max_attempts"));
  CHECK(
      refused_as(decode_put_queue("q", R"({"lease_ms":null})", {}), "invalid_argument /lease_ms"));
  CHECK(refused_as(decode_put_queue("q", R"({"counts":{}})", {}),
                   "invalid_argument /counts: is read-only"));
  CHECK(refused_as(decode_put_queue("q", "", {}), "invalid_json"));
  CHECK(refused_as(decode_put_queue("q q", "{}", {}), "invalid_argument /name: must be"));
  CHECK(refused_as(decode_patch_queue("q", R"({"retry":{"base":1}})", {}),
                   "invalid_argument /retry/base"));
  CHECK(refused_as(decode_patch_queue("q", "[]", {}), "invalid_argument"));
  CHECK(refused_as(decode_patch_queue("q q", "{}", {}), "queue_not_found"));
}

TEST_CASE("a purge names states, but not running") {
  const auto purge = decode_purge("q", R"({"states":["ready","dead"]})", {});
  REQUIRE(refusal(purge) == "ok");
  CHECK(purge->states == std::vector{TaskState::ready, TaskState::dead});
  CHECK(refused_as(decode_purge("q", "{}", {}), "invalid_argument /states: is required"));
  CHECK(
      refused_as(decode_purge("q", R"({"states":[]})", {}), "invalid_argument /states: must name"));
  CHECK(refused_as(decode_purge("q", R"({"states":["ready","running"]})", {}),
                   "invalid_argument /states/1: cannot be purged"));
  CHECK(refused_as(decode_purge("q", R"({"states":["gone"]})", {}),
                   "invalid_argument /states/0: must be"));
  CHECK(refused_as(decode_purge("q q", "{}", {}), "queue_not_found"));
}

TEST_CASE("a call with nothing to say may say nothing or {}") {
  CHECK(refusal(decode_empty_body("", {})) == "ok");
  CHECK(refusal(decode_empty_body(" { } ", {})) == "ok");
  CHECK(refused_as(decode_empty_body(R"({"reason":"x"})", {}),
                   "invalid_argument /reason: is not known"));
  CHECK(refused_as(decode_empty_body("null", {}), "invalid_argument"));
  CHECK(refused_as(decode_empty_body("x", {}), "invalid_json"));
}
