// Settling with and without the token that holds the task: complete, heartbeat, release, and saying
// it again. Section 5.
#include <string>
#include <vector>

#include "steps.h"

namespace quern::test {
namespace {

const std::string unknown_id = "01900000-0000-7000-8000-000000000000";
const Json broken = {{"type", "broken"}, {"message", "it broke"}};

// --- Complete

TEST_CASE("a completed task has succeeded, with its result") {
  const std::string queue = fresh_queue();
  const Json leased = lease_new(queue);
  const std::int64_t before = now_millis();
  const Json completed = complete(leased, {{"answer", 42}});
  CHECK(completed["state"] == "succeeded");
  CHECK(completed["result"] == Json{{"answer", 42}});
  CHECK(completed["attempts"] == 1);
  CHECK(millis(completed["finished_at"]) >= before - 1);
  CHECK_FALSE(completed.contains("lease"));
  CHECK(task(leased["id"]) == completed);
  CHECK(counts(queue) == Json{{"succeeded", 1}});
}

// --- Heartbeat

TEST_CASE("a heartbeat extends the lease, by its own length unless told otherwise") {
  const std::string queue = fresh_queue();
  submit(queue);
  const Json leased = lease_one(queue, {{"lease_ms", 50'000}});
  const auto extended_by = [&](const Json& fields) {
    const std::int64_t before = now_millis();
    const Response response = settle_call("heartbeat", leased, fields);
    const std::int64_t after = now_millis();
    REQUIRE(response.status == 200);
    CHECK(response.json()["lease"].size() == 1);
    const Json expires_at = response.json()["lease"]["expires_at"];
    CHECK(task(leased["id"])["lease"]["expires_at"] == expires_at);
    const std::int64_t ends = millis(expires_at);
    return std::pair{ends - after - 5, ends - before + 5};
  };
  const auto [low, high] = extended_by(Json::object());
  CHECK((low <= 50'000 && 50'000 <= high));
  const auto [own_low, own_high] = extended_by({{"lease_ms", 100'000}});
  CHECK((own_low <= 100'000 && 100'000 <= own_high));
}

TEST_CASE("a task stays with a worker that sends heartbeats") {
  const std::string queue = fresh_queue();
  submit(queue);
  const Json leased = lease_one(queue, {{"lease_ms", 1000}});
  const Json witness = lease_new(fresh_queue(), {{"lease_ms", 1000}});
  eventually(
      "a lease without heartbeats ran out",
      [&] {
        REQUIRE(settle_call("heartbeat", leased).status == 200);
        return task(witness["id"])["state"];
      },
      [](const Json& state) { return state != "running"; });
  CHECK(complete(leased)["attempts"] == 1);
}

TEST_CASE("progress is shown on the task") {
  const std::string queue = fresh_queue();
  const Json leased = lease_new(queue);
  CHECK_FALSE(task(leased["id"]).contains("progress"));
  for (const Json& progress :
       std::vector<Json>{{{"page", 3}}, 0.5, "half", nullptr, std::string(60'000, 'p')}) {
    REQUIRE(settle_call("heartbeat", leased, {{"progress", progress}}).status == 200);
    CHECK(task(leased["id"])["progress"] == progress);
  }
  // A heartbeat without progress leaves it.
  REQUIRE(settle_call("heartbeat", leased).status == 200);
  CHECK(task(leased["id"])["progress"].get<std::string>().size() == 60'000);
  const Response over =
      settle_call("heartbeat", leased, {{"progress", std::string(64 * 1024, 'p')}});
  CHECK((over.status == 413 || over.status == 400));
  CHECK(task(leased["id"])["progress"].get<std::string>().size() == 60'000);
}

TEST_CASE("the body of a heartbeat is checked") {
  const Json leased = lease_new(fresh_queue());
  CHECK(refusal(settle_call("heartbeat", leased, {{"lease_ms", 999}})) ==
        "400 invalid_argument /lease_ms");
  CHECK(refusal(settle_call("heartbeat", leased, {{"lease_ms", 43'200'001}})) ==
        "400 invalid_argument /lease_ms");
  CHECK(refusal(settle_call("heartbeat", leased, {{"result", 1}})) ==
        "400 invalid_argument /result");
}

// --- Release

TEST_CASE("a released task is ready again and the attempt is not counted") {
  const std::string queue = fresh_queue();
  const Json leased = lease_new(queue);
  const Json released = release(leased);
  CHECK(released["state"] == "ready");
  CHECK(released["attempts"] == 0);
  CHECK_FALSE(released.contains("last_error"));
  CHECK(counts(queue) == Json{{"ready", 1}});
  CHECK(lease_one(queue)["attempts"] == 1);
}

TEST_CASE("a task released with a delay is scheduled") {
  const std::string queue = fresh_queue();
  const Json leased = lease_new(queue);
  const std::int64_t before = now_millis();
  const Response response = settle_call("release", leased, {{"delay_ms", 100}});
  REQUIRE(response.status == 200);
  const Json released = response.json();
  CHECK(released["state"] == "scheduled");
  CHECK(released["attempts"] == 0);
  CHECK(millis(released["run_at"]) >= before + 100 - 1);
  CHECK(lease_up_to(queue, 1).empty());
  CHECK(lease_one(queue, {{"wait_ms", 30'000}})["attempts"] == 1);
  CHECK(now_millis() >= millis(released["run_at"]));
}

TEST_CASE("the body of a release is checked") {
  const Json leased = lease_new(fresh_queue());
  CHECK(refusal(settle_call("release", leased, {{"delay_ms", -1}})) ==
        "400 invalid_argument /delay_ms");
  CHECK(refusal(settle_call("release", leased, {{"delay", 1}})) == "400 invalid_argument /delay");
}

// --- Tokens

TEST_CASE("a token that does not hold the task is 409 lease_lost and changes nothing") {
  const std::string queue = fresh_queue();
  const Json other = lease_new(queue);
  const Json leased = lease_new(queue);
  const std::string id = leased["id"];
  const Json before = task(id);
  std::string close = token(leased);
  close.back() = close.back() == '0' ? '1' : '0';
  for (const std::string& wrong : {token(other), close, std::string(32, '0'), std::string("x"),
                                   std::string(""), std::string(5000, 'f')}) {
    CAPTURE(wrong);
    const auto call = [&](const char* verb, Json fields) {
      fields["lease_token"] = wrong;
      return refusal(api().post("/tasks/" + id + verb, fields));
    };
    CHECK(call("/complete", {{"result", 1}}) == "409 lease_lost");
    CHECK(call("/fail", {{"error", broken}}) == "409 lease_lost");
    CHECK(call("/heartbeat", Json::object()) == "409 lease_lost");
    CHECK(call("/release", Json::object()) == "409 lease_lost");
  }
  CHECK(task(id) == before);
}

TEST_CASE("a settle call without a token, or with one of a wrong type, is 400") {
  const std::string path = "/tasks/" + lease_new(fresh_queue())["id"].get<std::string>();
  for (const char* verb : {"/complete", "/heartbeat", "/release"}) {
    CHECK(refusal(api().post(path + verb, Json::object())) == "400 invalid_argument /lease_token");
    CHECK(refusal(api().post(path + verb, {{"lease_token", 5}})) ==
          "400 invalid_argument /lease_token");
  }
  CHECK(refusal(api().post(path + "/fail", {{"error", broken}})) ==
        "400 invalid_argument /lease_token");
}

TEST_CASE("tasks that were never leased, and released ones, have no holder") {
  const std::string queue = fresh_queue();
  const std::string ready = submit(queue)["id"];
  CHECK(refusal(api().post("/tasks/" + ready + "/complete",
                           {{"lease_token", std::string(32, 'a')}})) == "409 lease_lost");
  const Json leased = lease_one(queue);
  release(leased);
  for (const char* verb : {"complete", "heartbeat", "release"}) {
    CHECK(refusal(settle_call(verb, leased)) == "409 lease_lost");
  }
  CHECK(counts(queue) == Json{{"ready", 1}});
}

TEST_CASE("the older token of a task that was leased again is refused") {
  const std::string queue = fresh_queue();
  const Json old = lease_new(queue);
  release(old);
  const Json current = lease_one(queue);
  REQUIRE(current["id"] == old["id"]);
  for (const char* verb : {"complete", "heartbeat", "release"}) {
    CHECK(refusal(settle_call(verb, old)) == "409 lease_lost");
  }
  CHECK(refusal(settle_call("fail", old, {{"error", broken}})) == "409 lease_lost");
  CHECK(complete(current)["state"] == "succeeded");
  CHECK(refusal(settle_call("complete", old)) == "409 lease_lost");
}

// --- Saying it again

TEST_CASE("the same complete again is 200 with the task as it stands") {
  const Json leased = lease_new(fresh_queue());
  const Json completed = complete(leased, {{"n", 1}});
  CHECK(complete(leased, {{"n", 1}}) == completed);
  CHECK(complete(leased, {{"n", 1}}) == completed);
}

TEST_CASE("a complete repeated with another result or verb is 409 task_finished") {
  const Json leased = lease_new(fresh_queue());
  const Json completed = complete(leased, {{"n", 1}});
  CHECK(refusal(settle_call("complete", leased, {{"result", {{"n", 2}}}})) == "409 task_finished");
  CHECK(refusal(settle_call("complete", leased)) == "409 task_finished");
  CHECK(refusal(settle_call("fail", leased, {{"error", broken}})) == "409 task_finished");
  CHECK(refusal(settle_call("release", leased)) == "409 task_finished");
  CHECK(refusal(settle_call("heartbeat", leased)) == "409 task_finished");
  CHECK(task(leased["id"]) == completed);
}

TEST_CASE("a complete without a result is the same as one with null") {
  const Json leased = lease_new(fresh_queue());
  REQUIRE(settle_call("complete", leased).status == 200);
  CHECK(settle_call("complete", leased, {{"result", nullptr}}).status == 200);
}

TEST_CASE("the same fail again is 200 until somebody leases the task") {
  const std::string queue = fresh_queue();
  const Json leased = lease_new(queue);
  const Json fields = {{"error", broken}, {"retry_after_ms", 0}};
  const Json later = {{"error", broken}, {"retry_after_ms", 3'600'000}};
  const Json failed = fail(leased, later);
  CHECK(fail(leased, later) == failed);
  CHECK(refusal(settle_call("fail", leased,
                            {{"error", {{"type", "other"}, {"message", "m"}}},
                             {"retry_after_ms", 3'600'000}})) == "409 lease_lost");
  CHECK(refusal(settle_call("complete", leased)) == "409 lease_lost");
  CHECK(refusal(settle_call("heartbeat", leased)) == "409 lease_lost");
  CHECK(task(leased["id"]) == failed);

  const Json second = lease_new(queue);
  fail(second, fields);
  const Json again = lease_one(queue, {{"wait_ms", 30'000}});
  REQUIRE(again["id"] == second["id"]);
  CHECK(refusal(settle_call("fail", second, fields)) == "409 lease_lost");
  CHECK(task(again["id"])["state"] == "running");
}

TEST_CASE("the fail that killed a task may be repeated, another body is 409 task_finished") {
  const Json leased = lease_new(fresh_queue());
  const Json fields = {{"error", broken}, {"retryable", false}};
  const Json died = fail(leased, fields);
  CHECK(fail(leased, fields) == died);
  CHECK(refusal(settle_call("fail", leased, {{"error", broken}})) == "409 task_finished");
  CHECK(refusal(settle_call("complete", leased)) == "409 task_finished");
  CHECK(task(leased["id"]) == died);
}

}  // namespace
}  // namespace quern::test
