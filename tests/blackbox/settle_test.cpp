// Settling: complete, fail, heartbeat, release, with and without the token that holds the task;
// leases that run out. Section 5.
#include <algorithm>
#include <string>
#include <vector>

#include "steps.h"

namespace quern::test {
namespace {

const std::string unknown_id = "01900000-0000-7000-8000-000000000000";
const Json broken = {{"type", "broken"}, {"message", "it broke"}};

Json item(const std::string& op, const Json& leased, Json fields = Json::object()) {
  fields["op"] = op;
  fields["id"] = leased["id"];
  fields["lease_token"] = token(leased);
  return fields;
}

Response settle(const Json& items) { return api().post("/leases/settle", {{"settle", items}}); }

// A task that was submitted and leased, alone in its queue.
Json lease_new(const std::string& queue, Json fields = Json::object()) {
  const std::string id = submit(queue, std::move(fields))["id"];
  Json leased = lease_one(queue);
  REQUIRE(leased["id"] == id);
  return leased;
}

// Waits for the task to leave `running`, as it does when its lease or its time runs out.
Json wait_until_lost(const Json& leased) {
  const std::string id = leased["id"];
  return eventually(
      "the lease is over", [&] { return task(id); },
      [](const Json& seen) { return seen["state"] != "running"; });
}

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

// --- Many in one call

TEST_CASE("settle items are answered in order, and each stands alone") {
  const std::string queue = fresh_queue();
  std::vector<Json> leased;
  for (int i = 0; i < 6; ++i) leased.push_back(lease_new(queue));
  Json wrong = item("complete", leased[4]);
  wrong["lease_token"] = std::string(32, '0');
  Json no_task = item("complete", leased[4]);
  no_task["id"] = unknown_id;
  Json no_id = item("release", leased[4]);
  no_id["id"] = "not an id";
  const Json items = {item("complete", leased[0], {{"result", 1}}),
                      wrong,
                      item("fail", leased[1], {{"error", broken}}),
                      no_task,
                      item("fail", leased[2], {{"error", broken}, {"retryable", false}}),
                      no_id,
                      item("heartbeat", leased[3], {{"lease_ms", 100'000}, {"progress", 0.5}}),
                      item("release", leased[4]),
                      item("release", leased[5], {{"delay_ms", 3'600'000}})};
  const Response response = settle(items);
  REQUIRE(response.status == 200);
  const Json settled = response.json()["settled"];
  REQUIRE(settled.size() == items.size());
  for (std::size_t i = 0; i < items.size(); ++i) CHECK(settled[i]["id"] == items[i]["id"]);
  const auto code = [&](std::size_t i) { return settled[i]["problem"]["code"]; };

  CHECK(settled[0] == Json{{"id", leased[0]["id"]}, {"state", "succeeded"}});
  CHECK(code(1) == "lease_lost");
  CHECK(settled[1]["problem"]["status"] == 409);
  CHECK(settled[2]["state"] == "retrying");
  CHECK(settled[2]["run_at"] == task(leased[1]["id"])["run_at"]);
  CHECK(code(3) == "task_not_found");
  CHECK(settled[3]["problem"]["status"] == 404);
  CHECK(settled[4] ==
        Json{{"id", leased[2]["id"]}, {"state", "dead"}, {"dead_reason", "not_retryable"}});
  CHECK(code(5) == "task_not_found");
  const Json running = task(leased[3]["id"]);
  CHECK(settled[6] == Json{{"id", leased[3]["id"]},
                           {"state", "running"},
                           {"lease", {{"expires_at", running["lease"]["expires_at"]}}}});
  CHECK(running["progress"] == 0.5);
  CHECK(settled[7]["state"] == "ready");
  CHECK(settled[8]["state"] == "scheduled");
  CHECK(settled[8]["run_at"] == task(leased[5]["id"])["run_at"]);
  CHECK(counts(queue) == Json{{"succeeded", 1},
                              {"retrying", 1},
                              {"dead", 1},
                              {"running", 1},
                              {"ready", 1},
                              {"scheduled", 1}});
}

TEST_CASE("the same complete twice in one settle call is fine, another result is task_finished") {
  const Json leased = lease_new(fresh_queue());
  const Json settled =
      settle({item("complete", leased, {{"result", 1}}), item("complete", leased, {{"result", 1}}),
              item("complete", leased, {{"result", 2}})})
          .json()["settled"];
  CHECK(settled[0]["state"] == "succeeded");
  CHECK(settled[1] == settled[0]);
  CHECK(settled[2]["problem"]["code"] == "task_finished");
  CHECK(task(leased["id"])["result"] == 1);
}

TEST_CASE("a malformed settle item is 400 for the whole request, and nothing is done") {
  const std::string queue = fresh_queue();
  const Json good = item("complete", lease_new(queue));
  const Json held = lease_new(queue);
  struct Row {
    Json bad;
    const char* pointer;
  };
  Json no_token = item("complete", held);
  no_token.erase("lease_token");
  Json no_id = item("complete", held);
  no_id.erase("id");
  Json no_op = item("complete", held);
  no_op.erase("op");
  for (const Row& row : std::vector<Row>{
           {item("explode", held), "/op"},
           {no_op, "/op"},
           {no_id, "/id"},
           {no_token, "/lease_token"},
           {item("complete", held, {{"results", 1}}), "/results"},
           {item("complete", held, {{"error", broken}}), "/error"},
           {item("fail", held, {{"error", "x"}}), "/error"},
           {item("fail", held, {{"error", broken}, {"retry_after_ms", -1}}), "/retry_after_ms"},
           {item("heartbeat", held, {{"lease_ms", 1}}), "/lease_ms"},
           {item("release", held, {{"delay_ms", -1}}), "/delay_ms"},
           {item("release", held, {{"result", 1}}), "/result"},
       }) {
    CAPTURE(row.bad.dump());
    CHECK(refusal(settle({good, row.bad})) ==
          std::string("400 invalid_argument /settle/1") + row.pointer);
  }
  CHECK(counts(queue) == Json{{"running", 2}});
}

TEST_CASE("one settle call takes up to 10,000 items") {
  const std::string queue = fresh_queue();
  submit_batch(std::vector<Json>(1000, Json{{"queue", queue}, {"type", "work"}}));
  Json items = Json::array();
  for (const Json& leased : lease_up_to(queue, 1000)) items.push_back(item("complete", leased));
  const Json one = items[0];
  while (items.size() < 10'001) items.push_back(one);
  CHECK(refusal(settle(items)) == "400 invalid_argument /settle");
  CHECK(counts(queue) == Json{{"running", 1000}});
  items.erase(items.size() - 1);
  const Response response = settle(items);
  REQUIRE(response.status == 200);
  CHECK(response.json()["settled"].size() == 10'000);
  CHECK(counts(queue) == Json{{"succeeded", 1000}});
}

}  // namespace
}  // namespace quern::test
