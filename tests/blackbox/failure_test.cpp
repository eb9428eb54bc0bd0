// Attempts that fail: backoff, death, leases and attempts that run out of time. Section 5.
#include <algorithm>
#include <string>
#include <vector>

#include "steps.h"

namespace quern::test {
namespace {

const std::string unknown_id = "01900000-0000-7000-8000-000000000000";
const Json broken = {{"type", "broken"}, {"message", "it broke"}};

// --- Fail

TEST_CASE("a failed attempt is retried after its backoff, and its error is kept") {
  const std::string queue = fresh_queue();
  put_queue(queue, {{"retry", {{"strategy", "fixed"}, {"base_ms", 200}, {"jitter", false}}}});
  submit(queue);
  const Json leased = lease_one(queue, {{"worker_id", "w1"}});
  const Json error = {{"type", "http_503"}, {"message", "busy"}, {"details", {{"host", "a"}}}};
  const Json failed = fail(leased, {{"error", error}});
  CHECK(failed["state"] == "retrying");
  CHECK(failed["attempts"] == 1);
  CHECK(failed["last_error"] == error);
  REQUIRE(failed["failures"].size() == 1);
  CHECK(failed["failures"][0]["attempt"] == 1);
  CHECK(failed["failures"][0]["worker_id"] == "w1");
  CHECK(failed["failures"][0]["error"] == error);
  CHECK(millis(failed["run_at"]) == millis(failed["failures"][0]["at"]) + 200);
  CHECK(counts(queue) == Json{{"retrying", 1}});
  CHECK(lease_up_to(queue, 1).empty());

  const Json again = lease_one(queue, {{"wait_ms", 30'000}});
  CHECK(now_millis() >= millis(failed["run_at"]));
  CHECK(again["id"] == leased["id"]);
  CHECK(again["attempts"] == 2);
  CHECK(again["started_at"] == leased["started_at"]);
  CHECK(again["last_error"] == error);
}

// How long a task waits after attempt `attempt` failed. The attempts before it are retried at once.
std::int64_t wait_after(const std::string& queue, const Json& retry, int attempt) {
  submit(queue, {{"retry", retry}, {"max_attempts", 100}});
  for (int i = 1; i < attempt; ++i)
    fail(lease_one(queue, {{"wait_ms", 30'000}}), {{"retry_after_ms", 0}});
  const Json failed = fail(lease_one(queue, {{"wait_ms", 30'000}}));
  CHECK(failed["attempts"] == attempt);
  cancel(failed["id"]);
  return millis(failed["run_at"]) - millis(failed["failures"].back()["at"]);
}

TEST_CASE("backoff grows as the strategy says, up to its maximum") {
  struct Row {
    Json retry;
    std::vector<std::int64_t> waits;
  };
  const std::vector<Row> rows = {
      {{{"strategy", "exponential"},
        {"base_ms", 1000},
        {"factor", 2},
        {"max_ms", 5000},
        {"jitter", false}},
       {1000, 2000, 4000, 5000, 5000}},
      {{{"strategy", "exponential"},
        {"base_ms", 1000},
        {"factor", 1.5},
        {"max_ms", 100'000},
        {"jitter", false}},
       {1000, 1500, 2250}},
      {{{"strategy", "linear"}, {"base_ms", 1000}, {"max_ms", 2500}, {"jitter", false}},
       {1000, 2000, 2500}},
      {{{"strategy", "fixed"}, {"base_ms", 700}, {"jitter", false}}, {700, 700, 700}},
      {{{"strategy", "fixed"}, {"base_ms", 700}, {"max_ms", 300}, {"jitter", false}}, {300, 300}},
      // The defaults, without their jitter.
      {{{"jitter", false}}, {2000, 4000, 8000, 16'000, 32'000, 64'000, 120'000, 120'000}},
  };
  const std::string queue = fresh_queue();
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.waits.size(); ++i) {
      CAPTURE(row.retry.dump());
      CAPTURE(i);
      CHECK(wait_after(queue, row.retry, static_cast<int>(i) + 1) == row.waits[i]);
    }
  }
}

TEST_CASE("jitter spreads a wait between half of it and all of it") {
  const std::string queue = fresh_queue();
  const Json retry = {{"strategy", "fixed"}, {"base_ms", 10'000}};
  std::vector<std::int64_t> waits;
  for (int i = 0; i < 30; ++i) waits.push_back(wait_after(queue, retry, 1));
  const auto [least, most] = std::minmax_element(waits.begin(), waits.end());
  CHECK(*least >= 5000);
  CHECK(*most <= 10'000);
  // Thirty equal draws out of 5,001 would be a wonder, and all in one half are one in 2^29.
  CHECK(*least < 7500);
  CHECK(*most > 7500);
}

TEST_CASE("a part of retry that a task leaves out is its queue's") {
  const std::string queue = fresh_queue();
  put_queue(queue,
            {{"retry",
              {{"strategy", "linear"}, {"base_ms", 3000}, {"max_ms", 5000}, {"jitter", false}}}});
  CHECK(wait_after(queue, Json::object(), 1) == 3000);
  CHECK(wait_after(queue, Json::object(), 2) == 5000);
  CHECK(wait_after(queue, {{"base_ms", 1000}}, 2) == 2000);
  CHECK(wait_after(queue, {{"strategy", "fixed"}}, 2) == 3000);
}

TEST_CASE("retry_after_ms replaces the backoff") {
  const std::string queue = fresh_queue();
  const Json failed = fail(lease_new(queue), {{"retry_after_ms", 7'000'000}});
  CHECK(failed["state"] == "retrying");
  CHECK(millis(failed["run_at"]) == millis(failed["failures"][0]["at"]) + 7'000'000);
}

TEST_CASE("a task that is not retryable is dead at once") {
  const std::string queue = fresh_queue();
  const Json died = fail(lease_new(queue), {{"retryable", false}, {"error", broken}});
  CHECK(died["state"] == "dead");
  CHECK(died["dead_reason"] == "not_retryable");
  CHECK(died["attempts"] == 1);
  CHECK(died["last_error"] == broken);
  CHECK(died.contains("finished_at"));
  CHECK_FALSE(died.contains("lease"));
  CHECK(counts(queue) == Json{{"dead", 1}});
}

TEST_CASE("a task whose last attempt failed is dead, with its failures") {
  const std::string queue = fresh_queue();
  submit(queue, {{"max_attempts", 3}});
  for (int attempt = 1; attempt <= 3; ++attempt) {
    const Json leased =
        lease_one(queue, {{"wait_ms", 30'000}, {"worker_id", "w" + std::to_string(attempt)}});
    CHECK(leased["attempts"] == attempt);
    const Json failed =
        fail(leased, {{"retry_after_ms", 0},
                      {"error", {{"type", "e" + std::to_string(attempt)}, {"message", "m"}}}});
    if (attempt < 3) {
      CHECK(failed["state"] != "dead");
      continue;
    }
    CHECK(failed["state"] == "dead");
    CHECK(failed["dead_reason"] == "max_attempts");
    CHECK(failed["attempts"] == 3);
    REQUIRE(failed["failures"].size() == 3);
    for (int i = 1; i <= 3; ++i) {
      const Json& failure = failed["failures"][static_cast<std::size_t>(i) - 1];
      CHECK(failure["attempt"] == i);
      CHECK(failure["worker_id"] == "w" + std::to_string(i));
      CHECK(failure["error"]["type"] == "e" + std::to_string(i));
    }
    CHECK(failed["last_error"]["type"] == "e3");
  }
  CHECK(lease_up_to(queue, 1).empty());
}

TEST_CASE("the last ten failures are kept, oldest first") {
  const std::string queue = fresh_queue();
  submit(queue, {{"max_attempts", 13}});
  Json failed;
  for (int attempt = 1; attempt <= 13; ++attempt) {
    failed = fail(lease_one(queue, {{"wait_ms", 30'000}}), {{"retry_after_ms", 0}});
  }
  CHECK(failed["state"] == "dead");
  REQUIRE(failed["failures"].size() == 10);
  for (std::size_t i = 0; i < 10; ++i) CHECK(failed["failures"][i]["attempt"] == i + 4);
}

TEST_CASE("a fail need not say why") {
  const std::string queue = fresh_queue();
  const Json failed = settle_call("fail", lease_new(queue), Json::object()).json();
  CHECK(failed["state"] == "retrying");
  CHECK(failed["last_error"]["type"] == "error");
}

TEST_CASE("the body of a fail is checked") {
  const std::string queue = fresh_queue();
  const Json leased = lease_new(queue);
  struct Row {
    Json fields;
    const char* pointer;
  };
  for (const Row& row : std::vector<Row>{
           {{{"error", "broken"}}, "/error"},
           {{{"error", {{"type", 5}, {"message", "m"}}}}, "/error/type"},
           {{{"error", {{"type", "t"}, {"message", 5}}}}, "/error/message"},
           {{{"error", {{"type", "t"}, {"message", "m"}, {"stack", "s"}}}}, "/error/stack"},
           {{{"error", broken}, {"retryable", "no"}}, "/retryable"},
           {{{"error", broken}, {"retry_after_ms", -1}}, "/retry_after_ms"},
           {{{"error", broken}, {"retry_after_ms", 1.5}}, "/retry_after_ms"},
           {{{"error", broken}, {"retry_after", 1}}, "/retry_after"},
       }) {
    CAPTURE(row.fields.dump());
    CHECK(refusal(settle_call("fail", leased, row.fields)) ==
          std::string("400 invalid_argument ") + row.pointer);
  }
  CHECK(task(leased["id"])["state"] == "running");
}

// --- Leases that run out

TEST_CASE("a lease that runs out is a failed attempt, and its token is lost") {
  const std::string queue = fresh_queue();
  submit(queue, {{"lease_ms", 1000},
                 {"retry", {{"strategy", "fixed"}, {"base_ms", 50}, {"jitter", false}}}});
  const Json leased = lease_one(queue, {{"worker_id", "silent"}});
  const std::int64_t expires_at = millis(leased["lease"]["expires_at"]);
  // Waiting for the task itself would not tell when the lease ended: the next worker does.
  const Json again = lease_one(queue, {{"wait_ms", 30'000}});
  CHECK(now_millis() >= expires_at);
  CHECK(again["id"] == leased["id"]);
  CHECK(again["attempts"] == 2);
  CHECK(again["last_error"]["type"] == "lease_expired");
  REQUIRE(again["failures"].size() == 1);
  CHECK(again["failures"][0]["attempt"] == 1);
  CHECK(again["failures"][0]["worker_id"] == "silent");
  CHECK(millis(again["failures"][0]["at"]) >= expires_at - 1);
  for (const char* verb : {"complete", "heartbeat", "release"}) {
    CHECK(refusal(settle_call(verb, leased)) == "409 lease_lost");
  }
  CHECK(complete(again)["attempts"] == 2);
}

TEST_CASE("a lease that runs out on the last attempt is death by max_attempts") {
  const std::string queue = fresh_queue();
  const Json leased = lease_new(queue, {{"lease_ms", 1000}, {"max_attempts", 1}});
  const Json died = wait_until_lost(leased);
  CHECK(died["state"] == "dead");
  CHECK(died["dead_reason"] == "max_attempts");
  CHECK(died["last_error"]["type"] == "lease_expired");
  CHECK(refusal(settle_call("complete", leased)) == "409 lease_lost");
  CHECK(task(leased["id"]) == died);
}

TEST_CASE("an attempt over its timeout_ms is failed whatever heartbeats it sends") {
  const std::string queue = fresh_queue();
  const Json leased = lease_new(queue, {{"timeout_ms", 300}, {"max_attempts", 1}});
  const std::int64_t started = millis(leased["started_at"]);
  const Json died = eventually(
      "the attempt is timed out",
      [&] {
        settle_call("heartbeat", leased, {{"lease_ms", 60'000}});
        return task(leased["id"]);
      },
      [](const Json& seen) { return seen["state"] == "dead"; });
  CHECK(died["last_error"]["type"] == "timeout");
  CHECK(died["dead_reason"] == "max_attempts");
  CHECK(millis(died["finished_at"]) >= started + 300 - 1);
  CHECK(refusal(settle_call("complete", leased)) == "409 lease_lost");
}

TEST_CASE("a queue's timeout_ms holds for tasks that name none") {
  const std::string queue = fresh_queue();
  put_queue(queue, {{"timeout_ms", 50}, {"max_attempts", 1}});
  CHECK(wait_until_lost(lease_new(queue))["last_error"]["type"] == "timeout");
}

}  // namespace
}  // namespace quern::test
