// Leasing: what is given out, in which order, and what a long-poll waits for. Section 5.
#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "steps.h"

namespace quern::test {
namespace {

PendingCall park(const Json& body) {
  return {server().port(),
          {.method = "POST", .target = "/leases", .headers = {}, .body = body.dump()}};
}

PendingCall park(const std::string& queue) {
  return park({{"queues", {queue}}, {"wait_ms", 60'000}});
}

std::vector<Json> tasks_of(const Response& response) {
  REQUIRE(response.status == 200);
  return response.json()["tasks"].get<std::vector<Json>>();
}

// Of several parked calls the ones that have been answered so far.
std::vector<std::size_t> answered(const std::vector<PendingCall>& calls) {
  std::vector<std::size_t> indexes;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (calls[i].answered()) indexes.push_back(i);
  }
  return indexes;
}

TEST_CASE("a leased task carries its payload, a token and when the lease ends") {
  const std::string queue = fresh_queue();
  const Json submitted = submit(queue, {{"payload", {{"n", 1}}}});
  const std::int64_t before = now_millis();
  const Response response =
      lease({{"queues", {queue}}, {"lease_ms", 30'000}, {"worker_id", "worker 7 caf\xc3\xa9"}});
  const std::int64_t after = now_millis();
  REQUIRE(response.status == 200);
  CHECK(response.json()["settled"] == Json::array());
  const Json leased = response.json()["tasks"][0];
  CHECK(leased["id"] == submitted["id"]);
  CHECK(leased["state"] == "running");
  CHECK(leased["payload"] == Json{{"n", 1}});
  CHECK(leased["attempts"] == 1);
  CHECK(leased["lease"]["worker_id"] == "worker 7 caf\xc3\xa9");
  CHECK(millis(leased["started_at"]) >= before - 1);
  CHECK(millis(leased["lease"]["expires_at"]) >= before + 30'000 - 5);
  CHECK(millis(leased["lease"]["expires_at"]) <= after + 30'000 + 5);
  CHECK(counts(queue) == Json{{"running", 1}});
}

TEST_CASE("a token is shown to its holder only, and is new with every lease") {
  const std::string queue = fresh_queue();
  const std::string id = submit(queue)["id"];
  std::set<std::string> tokens;
  for (int i = 0; i < 20; ++i) {
    const Json leased = lease_one(queue);
    // 128 bits take 22 characters even in base 64.
    CHECK(token(leased).size() >= 22);
    CHECK(tokens.insert(token(leased)).second);
    for (const std::string& target : {"/tasks/" + id, "/tasks?queue=" + queue}) {
      CHECK(api().get(target).body.find(token(leased)) == std::string::npos);
    }
    CHECK(task(id)["lease"] ==
          Json{{"worker_id", ""}, {"expires_at", leased["lease"]["expires_at"]}});
    release(leased);
  }
}

TEST_CASE("a lease lasts as long as the call says, else the task, else the queue") {
  const std::string queue = fresh_queue();
  put_queue(queue, {{"lease_ms", 100'000}});
  const auto lasts = [&](const Json& fields, const Json& call) {
    submit(queue, fields);
    const std::int64_t before = now_millis();
    const Json leased = lease_one(queue, call);
    const std::int64_t after = now_millis();
    complete(leased);
    const std::int64_t ends = millis(leased["lease"]["expires_at"]);
    return std::pair{ends - after - 5, ends - before + 5};
  };
  const auto [queue_low, queue_high] = lasts({}, {});
  CHECK((queue_low <= 100'000 && 100'000 <= queue_high));
  const auto [task_low, task_high] = lasts({{"lease_ms", 200'000}}, {});
  CHECK((task_low <= 200'000 && 200'000 <= task_high));
  const auto [call_low, call_high] = lasts({{"lease_ms", 200'000}}, {{"lease_ms", 300'000}});
  CHECK((call_low <= 300'000 && 300'000 <= call_high));
}

TEST_CASE("a lease says how long its attempt may take, to its holder and where that is limited") {
  const std::string queue = fresh_queue();
  CHECK_FALSE(lease_new(queue)["lease"].contains("timeout_ms"));
  put_queue(queue, {{"timeout_ms", 70'000}});
  CHECK(lease_new(queue)["lease"]["timeout_ms"] == 70'000);
  const Json first = lease_new(queue, {{"timeout_ms", 80'000}});
  CHECK(first["lease"]["timeout_ms"] == 80'000);
  CHECK_FALSE(task(first["id"])["lease"].contains("timeout_ms"));
  release(first);
  CHECK(lease_one(queue)["lease"]["timeout_ms"] == 80'000);  // of each attempt anew
}

TEST_CASE("tasks of one priority are leased in the order of their submission") {
  const std::string queue = fresh_queue();
  std::vector<std::string> ids =
      ids_of(Json(submit_batch(std::vector<Json>(50, Json{{"queue", queue}, {"type", "work"}}))));
  for (int i = 0; i < 10; ++i) ids.push_back(submit(queue)["id"]);
  std::vector<std::string> leased = ids_of(Json(lease_up_to(queue, 7)));
  while (leased.size() < ids.size()) leased.push_back(lease_one(queue)["id"]);
  CHECK(leased == ids);
}

TEST_CASE("a higher priority goes first, over all the named queues") {
  const std::vector<std::string> queues = {fresh_queue(), fresh_queue(), fresh_queue()};
  struct Submitted {
    int priority;
    int number;
    std::string id;
  };
  std::vector<Submitted> all;
  for (int i = 0; i < 60; ++i) {
    const int priority = (i * 7) % 10;
    all.push_back(
        {priority, i,
         submit(queues[static_cast<std::size_t>(i % 3)], {{"priority", priority}})["id"]});
  }
  std::stable_sort(all.begin(), all.end(), [](const Submitted& a, const Submitted& b) {
    return a.priority != b.priority ? a.priority > b.priority : a.number < b.number;
  });
  std::vector<std::string> expected;
  for (const Submitted& each : all) expected.push_back(each.id);
  std::vector<std::string> leased;
  for (int i = 0; i < 10; ++i) {
    for (const Json& each :
         tasks_of(lease({{"queues", {queues[2], queues[0], queues[1]}}, {"max_tasks", 6}}))) {
      leased.push_back(each["id"]);
    }
  }
  CHECK(leased == expected);
}

TEST_CASE("of equal priority the one that has been ready longest goes first") {
  const std::string one = fresh_queue();
  const std::string two = fresh_queue();
  const std::string delayed = submit(one, {{"delay_ms", 100}})["id"];
  const std::string early = submit(two)["id"];
  eventually(
      "the delayed task is ready", [&] { return task(delayed)["state"]; },
      [](const Json& state) { return state == "ready"; });
  const std::string late = submit(two)["id"];
  std::vector<std::string> order;
  for (const Json& each : tasks_of(lease({{"queues", {one, two}}, {"max_tasks", 3}})))
    order.push_back(each["id"]);
  CHECK(order == std::vector{early, delayed, late});
}

TEST_CASE(
    "of those that became ready together the one submitted first goes first, over all queues") {
  const std::vector<std::string> queues = {fresh_queue(), fresh_queue()};
  std::vector<Json> tasks;
  for (std::size_t i = 0; i < 40; ++i)
    tasks.push_back({{"queue", queues[i % 2]}, {"type", "work"}});
  const std::vector<std::string> ids = ids_of(Json(submit_batch(tasks)));
  CHECK(ids_of(Json(tasks_of(lease({{"queues", {queues[1], queues[0]}}, {"max_tasks", 40}})))) ==
        ids);
}

TEST_CASE("a released task keeps its place in the order of its priority") {
  const std::string queue = fresh_queue();
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(submit(queue)["id"]);
  const std::vector<Json> leased = lease_up_to(queue, 2);
  release(leased[1]);
  release(leased[0]);
  CHECK(ids_of(Json(lease_up_to(queue, 4))) == ids);
}

TEST_CASE("at most max_tasks are given, as many as there are") {
  const std::string queue = fresh_queue();
  submit_batch(std::vector<Json>(12, Json{{"queue", queue}, {"type", "work"}}));
  CHECK(tasks_of(lease({{"queues", {queue}}})).size() == 1);
  CHECK(lease_up_to(queue, 0).empty());
  CHECK(lease_up_to(queue, 5).size() == 5);
  CHECK(lease_up_to(queue, 1000).size() == 6);
  CHECK(lease_up_to(queue, 1000).empty());
  CHECK(counts(queue) == Json{{"running", 12}});
}

TEST_CASE("a thousand tasks can be leased in one call") {
  const std::string queue = fresh_queue();
  submit_batch(std::vector<Json>(1001, Json{{"queue", queue}, {"type", "work"}}));
  CHECK(lease_up_to(queue, 1000).size() == 1000);
}

TEST_CASE("fields of a lease call are checked") {
  const std::string queue = fresh_queue();
  submit(queue);
  struct Row {
    const char* field;
    Json value;
    const char* pointer;
  };
  for (const Row& row : std::vector<Row>{
           {"queues", Json::array(), "/queues"},
           {"queues", std::vector<std::string>(101, queue), "/queues"},
           {"queues", queue, "/queues"},
           {"queues", {queue, 5}, "/queues/1"},
           {"max_tasks", -1, "/max_tasks"},
           {"max_tasks", 1001, "/max_tasks"},
           {"max_tasks", "1", "/max_tasks"},
           {"wait_ms", -1, "/wait_ms"},
           {"wait_ms", 60'001, "/wait_ms"},
           {"lease_ms", 999, "/lease_ms"},
           {"lease_ms", 43'200'001, "/lease_ms"},
           {"worker_id", 5, "/worker_id"},
           {"settle", Json::object(), "/settle"},
           {"settle", {Json::object()}, "/settle/0"},
       }) {
    CAPTURE(std::string(row.field));
    CAPTURE(row.value.dump());
    Json body = {{"queues", {queue}}};
    body[row.field] = row.value;
    const std::string refused = refusal(lease(body));
    CHECK(refused.starts_with(std::string("400 invalid_argument ") + row.pointer));
  }
  CHECK(counts(queue) == Json{{"ready", 1}});
  std::vector<std::string> hundred(99, queue + "-none");
  hundred.push_back(queue);
  CHECK(tasks_of(lease({{"queues", hundred}})).size() == 1);
}

TEST_CASE("a queue that does not exist can be leased from, and is not created by that") {
  const std::string queue = fresh_queue();
  CHECK(lease_up_to(queue, 5).empty());
  CHECK(refusal(api().get("/queues/" + queue)) == "404 queue_not_found");
}

// --- Long-poll

TEST_CASE("without wait_ms an empty queue is answered at once, with it when the time is over") {
  const std::string queue = fresh_queue();
  CHECK(lease_up_to(queue, 1).empty());
  const auto begin = Clock::now();
  CHECK(lease_up_to(queue, 1, {{"wait_ms", 100}}).empty());
  CHECK(Clock::now() - begin >= std::chrono::milliseconds(100) - clock_tick);
}

TEST_CASE("a long-poll is answered by the first task of a queue that did not exist") {
  const std::string queue = fresh_queue();
  PendingCall parked = park(queue);
  const std::string id = submit(queue)["id"];
  CHECK(ids_of(Json(tasks_of(parked.wait()))) == std::vector{id});
}

TEST_CASE("a long-poll on several queues is answered by any of them") {
  const std::vector<std::string> queues = {fresh_queue(), fresh_queue(), fresh_queue()};
  for (const std::string& queue : queues) {
    PendingCall parked = park({{"queues", queues}, {"wait_ms", 60'000}, {"max_tasks", 10}});
    const std::string id = submit(queue)["id"];
    CHECK(ids_of(Json(tasks_of(parked.wait()))) == std::vector{id});
  }
}

TEST_CASE("a long-poll is answered by whatever makes a task ready") {
  const std::string queue = fresh_queue();
  const auto wakes = [&](auto make_ready) {
    PendingCall parked = park(queue);
    make_ready();
    const std::vector<Json> tasks = tasks_of(parked.wait());
    REQUIRE(tasks.size() == 1);
    return tasks.front();
  };
  // A delay that is over.
  Json held = wakes([&] { submit(queue, {{"delay_ms", 50}}); });
  // A release.
  held = wakes([&] { release(held); });
  // A retry that is due.
  held = wakes([&] { fail(held, {{"retry_after_ms", 50}}); });
  // A redrive.
  held = wakes([&] {
    const std::string id = fail(held, {{"retryable", false}})["id"];
    REQUIRE(api().post("/tasks/" + id + "/redrive").status == 200);
  });
  complete(held);
  // A queue that is resumed.
  put_queue(queue, {{"paused", true}});
  submit(queue);
  held = wakes([&] { REQUIRE(api().post("/queues/" + queue + "/resume").status == 200); });
  // A lease that ran out.
  release(held);
  lease_one(queue, {{"lease_ms", 1000}});
  held = wakes([] {});
}

TEST_CASE("one task answers one of many who wait, and the next the next") {
  const std::string queue = fresh_queue();
  std::vector<PendingCall> parked;
  for (int i = 0; i < 8; ++i) parked.push_back(park(queue));
  std::set<std::string> leased;
  for (std::size_t round = 1; round <= 8; ++round) {
    const std::string id = submit(queue)["id"];
    const auto ready = eventually(
        "one call is answered", [&] { return Json(answered(parked)); },
        [](const Json& indexes) { return !indexes.empty(); });
    REQUIRE(ready.size() == 1);
    PendingCall& call = parked[ready[0].get<std::size_t>()];
    CHECK(ids_of(Json(tasks_of(call.wait()))) == std::vector{id});
    CHECK(leased.insert(id).second);
    parked.erase(parked.begin() + ready[0].get<std::ptrdiff_t>());
  }
}

TEST_CASE("a batch answers as many of those who wait as it has tasks for") {
  const std::string queue = fresh_queue();
  std::vector<PendingCall> parked;
  for (int i = 0; i < 5; ++i) parked.push_back(park(queue));
  const std::vector<std::string> ids =
      ids_of(Json(submit_batch(std::vector<Json>(5, Json{{"queue", queue}, {"type", "work"}}))));
  std::set<std::string> leased;
  for (PendingCall& call : parked) {
    for (const Json& each : tasks_of(call.wait())) leased.insert(each["id"]);
  }
  CHECK(leased == std::set<std::string>(ids.begin(), ids.end()));
}

TEST_CASE(
    "if the client of a long-poll is gone its task goes to another, with no attempt counted") {
  const std::string queue = fresh_queue();
  for (int round = 0; round < 20; ++round) {
    CAPTURE(round);
    PendingCall parked = park(queue);
    // Parked for certain: a second call on the same server has been answered since.
    CHECK(lease_up_to(queue, 1).empty());
    parked.abandon();
    const std::string id = submit(queue)["id"];
    const std::vector<Json> leased = lease_up_to(queue, 1, {{"wait_ms", 30'000}});
    REQUIRE(leased.size() == 1);
    CHECK(leased[0]["id"] == id);
    CHECK(leased[0]["attempts"] == 1);
    CHECK_FALSE(leased[0].contains("last_error"));
    complete(leased[0]);
  }
}

TEST_CASE("a paused queue gives nothing, not even to those who wait") {
  const std::string queue = fresh_queue();
  PendingCall parked = park(queue);
  put_queue(queue, {{"paused", true}});
  const std::string id = submit(queue)["id"];
  CHECK(lease_up_to(queue, 1).empty());
  CHECK(lease_up_to(queue, 1, {{"wait_ms", 50}}).empty());
  CHECK_FALSE(parked.answered());
  const std::string other = fresh_queue();
  submit(other);
  CHECK(tasks_of(lease({{"queues", {queue, other}}, {"max_tasks", 10}})).size() == 1);
  REQUIRE(api().post("/queues/" + queue + "/resume").status == 200);
  CHECK(ids_of(Json(tasks_of(parked.wait()))) == std::vector{id});
}

// --- Settling in the same round trip

TEST_CASE("what a lease call settles is done before it leases") {
  const std::string queue = fresh_queue();
  put_queue(queue, {{"max_backlog", 1}});
  submit(queue);
  const Json held = lease_one(queue);
  // The released task is ready again in time to be leased by the same call.
  const Response response =
      lease({{"queues", {queue}},
             {"settle", {{{"op", "release"}, {"id", held["id"]}, {"lease_token", token(held)}}}}});
  REQUIRE(response.status == 200);
  const Json answer = response.json();
  CHECK(answer["settled"] == Json::array({{{"id", held["id"]}, {"state", "ready"}}}));
  REQUIRE(answer["tasks"].size() == 1);
  CHECK(answer["tasks"][0]["id"] == held["id"]);
  CHECK(answer["tasks"][0]["attempts"] == 1);
  CHECK(token(answer["tasks"][0]) != token(held));
}

TEST_CASE("with max_tasks 0 a lease call only settles, and does not wait") {
  const std::string queue = fresh_queue();
  submit_batch(std::vector<Json>(2, Json{{"queue", queue}, {"type", "work"}}));
  const Json held = lease_one(queue);
  const Response response = lease(
      {{"queues", {queue}},
       {"max_tasks", 0},
       {"settle",
        {{{"op", "complete"}, {"id", held["id"]}, {"lease_token", token(held)}, {"result", 1}}}}});
  REQUIRE(response.status == 200);
  CHECK(response.json()["tasks"].empty());
  CHECK(response.json()["settled"][0]["state"] == "succeeded");
  CHECK(counts(queue) == Json{{"ready", 1}, {"succeeded", 1}});
}

TEST_CASE("with wait_ms the settling is done at once, and answered with the lease") {
  const std::string queue = fresh_queue();
  submit(queue);
  const Json held = lease_one(queue);
  PendingCall parked = park({{"queues", {queue}},
                             {"wait_ms", 60'000},
                             {"settle",
                              {{{"op", "complete"},
                                {"id", held["id"]},
                                {"lease_token", token(held)},
                                {"result", "r"}}}}});
  CHECK(api().get("/tasks/" + held["id"].get<std::string>() + "?wait_ms=30000").json()["result"] ==
        "r");
  CHECK_FALSE(parked.answered());
  const std::string next = submit(queue)["id"];
  const Json answer = parked.wait().json();
  CHECK(answer["settled"] == Json::array({{{"id", held["id"]}, {"state", "succeeded"}}}));
  CHECK(ids_of(answer["tasks"]) == std::vector{next});
}

TEST_CASE("a malformed settle item refuses the whole lease call") {
  const std::string queue = fresh_queue();
  submit(queue);
  submit(queue);
  const Json held = lease_one(queue);
  const Json good = {{"op", "complete"}, {"id", held["id"]}, {"lease_token", token(held)}};
  const Json bad = {{"op", "explode"}, {"id", held["id"]}, {"lease_token", token(held)}};
  CHECK(refusal(lease({{"queues", {queue}}, {"settle", {good, bad}}})) ==
        "400 invalid_argument /settle/1/op");
  CHECK(counts(queue) == Json{{"ready", 1}, {"running", 1}});
}

// --- Many at once

TEST_CASE("no task is given to two workers at once") {
  const std::string queue = fresh_queue();
  constexpr std::size_t task_count = 300;
  submit_batch(std::vector<Json>(task_count, Json{{"queue", queue}, {"type", "work"}}));
  std::mutex mutex;
  std::map<std::string, int> leases;
  std::atomic<std::size_t> leased_count = 0;
  const std::uint16_t port = server().port();
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < 8; ++i) {
      workers.emplace_back([&] {
        Client client(port);
        while (leased_count < task_count) {
          const Json tasks =
              client.post("/leases", {{"queues", {queue}}, {"max_tasks", 3}, {"wait_ms", 100}})
                  .json()["tasks"];
          const std::lock_guard lock(mutex);
          for (const Json& each : tasks) ++leases[each["id"].get<std::string>()];
          leased_count += tasks.size();
        }
      });
    }
  }
  CHECK(leases.size() == task_count);
  CHECK(std::all_of(leases.begin(), leases.end(),
                    [](const auto& entry) { return entry.second == 1; }));
  CHECK(counts(queue) == Json{{"running", task_count}});
}

}  // namespace
}  // namespace quern::test
