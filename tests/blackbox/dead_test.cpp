// Dead-letter queues: listing, redriving, discarding. Section 6.
#include <algorithm>
#include <string>
#include <vector>

#include "steps.h"

namespace quern::test {
namespace {

Response redrive(const std::string& queue, const Json& body) {
  return api().post("/queues/" + queue + "/dead/redrive", body);
}

Response discard(const std::string& queue, const Json& body) {
  return api().post("/queues/" + queue + "/dead/discard", body);
}

TEST_CASE("the dead are listed the last to die first, with reason and last error") {
  const std::string queue = fresh_queue();
  std::vector<std::string> ids;
  for (int i = 0; i < 7; ++i) {
    ids.insert(ids.begin(),
               dead_task(queue, {{"payload", i}}, i % 2 == 0 ? "not_retryable" : "max_attempts",
                         "error" + std::to_string(i))["id"]);
    // Two in one millisecond have no order between them.
    const std::int64_t died = millis(task(ids.front())["finished_at"]);
    eventually("the clock ticks", now_millis, [&](std::int64_t now) { return now > died; });
  }
  submit(queue);
  CHECK(dead_ids(queue) == ids);
  for (const std::size_t limit : {1u, 2u, 6u, 7u}) CHECK(dead_ids(queue, limit) == ids);
  const Json listed = api().get("/queues/" + queue + "/dead").json()["tasks"];
  for (std::size_t i = 0; i < 7; ++i) {
    CHECK(listed[i]["state"] == "dead");
    CHECK(listed[i]["dead_reason"] == (i % 2 == 0 ? "not_retryable" : "max_attempts"));
    CHECK(listed[i]["last_error"]["type"] == "error" + std::to_string(6 - i));
    CHECK_FALSE(listed[i].contains("payload"));
  }
}

TEST_CASE("a queue without dead tasks has an empty dead-letter queue") {
  const std::string queue = fresh_queue();
  put_queue(queue);
  CHECK(api().get("/queues/" + queue + "/dead").json() ==
        Json{{"tasks", Json::array()}, {"next_cursor", nullptr}});
  CHECK(redrive(queue, {{"all", true}}).json() == Json{{"redriven", 0}});
  CHECK(discard(queue, {{"all", true}}).json() == Json{{"discarded", 0}});
}

TEST_CASE("all dead tasks are redriven, and ready again with no attempts made") {
  const std::string queue = fresh_queue();
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(dead_task(queue)["id"]);
  CHECK(redrive(queue, {{"all", true}}).json() == Json{{"redriven", 5}});
  eventually(
      "all are ready", [&] { return counts(queue); },
      [](const Json& seen) {
        return seen == Json{{"ready", 5}};
      });
  for (const std::string& id : ids) {
    const Json redriven = task(id);
    CHECK(redriven["attempts"] == 0);
    CHECK(redriven["redrives"] == 1);
    CHECK_FALSE(redriven.contains("dead_reason"));
    CHECK_FALSE(redriven.contains("finished_at"));
  }
  CHECK(dead_ids(queue).empty());
  CHECK(lease_up_to(queue, 10).size() == 5);
}

TEST_CASE("discarded tasks are gone") {
  const std::string queue = fresh_queue();
  const std::string kept = submit(queue, {{"delay_ms", 3'600'000}})["id"];
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(dead_task(queue)["id"]);
  CHECK(discard(queue, {{"ids", {ids[1]}}}).json() == Json{{"discarded", 1}});
  CHECK(is_gone(ids[1]));
  CHECK(counts(queue) == Json{{"dead", 2}, {"scheduled", 1}});
  CHECK(discard(queue, {{"all", true}}).json() == Json{{"discarded", 2}});
  for (const std::string& id : ids) CHECK(is_gone(id));
  CHECK(dead_ids(queue).empty());
  CHECK(counts(queue) == Json{{"scheduled", 1}});
  CHECK(task(kept)["state"] == "scheduled");
}

TEST_CASE("ids choose among the dead of this queue only") {
  const std::string queue = fresh_queue();
  const std::string other = fresh_queue();
  const std::string dead = dead_task(queue)["id"];
  const std::string also_dead = dead_task(queue)["id"];
  const std::string elsewhere = dead_task(other)["id"];
  const std::string ready = submit(queue)["id"];
  CHECK(redrive(queue, {{"ids", {dead, elsewhere, ready, "01900000-0000-7000-8000-000000000000"}}})
            .json() == Json{{"redriven", 1}});
  eventually(
      "the one is ready", [&] { return task(dead)["state"]; },
      [](const Json& state) { return state == "ready"; });
  CHECK(task(also_dead)["state"] == "dead");
  CHECK(task(elsewhere)["state"] == "dead");
  CHECK(discard(other, {{"ids", {also_dead}}}).json() == Json{{"discarded", 0}});
  CHECK(redrive(queue, {{"ids", Json::array()}}).json() == Json{{"redriven", 0}});
}

TEST_CASE("filters choose among the dead, alone and together") {
  for (const bool redriving : {true, false}) {
    CAPTURE(redriving);
    const std::string queue = fresh_queue();
    const std::string a = dead_task(queue, {{"type", "mail"}}, "not_retryable", "bounce")["id"];
    const std::string b = dead_task(queue, {{"type", "mail"}}, "max_attempts", "http_503")["id"];
    const std::string c = dead_task(queue, {{"type", "scan"}}, "max_attempts", "http_503")["id"];
    const std::string d = submit(queue, {{"type", "scan"}, {"ttl_ms", 20}})["id"];
    REQUIRE(api().get("/tasks/" + d + "?wait_ms=30000").json()["dead_reason"] == "expired");
    const auto choose = [&](Json filter) {
      filter["all"] = true;
      const Response response = redriving ? redrive(queue, filter) : discard(queue, filter);
      REQUIRE(response.status == 200);
      return response.json()[redriving ? "redriven" : "discarded"];
    };
    const auto await_left = [&](std::vector<std::string> expected) {
      std::sort(expected.begin(), expected.end());
      eventually(
          "these are left",
          [&] {
            std::vector<std::string> left = dead_ids(queue);
            std::sort(left.begin(), left.end());
            return Json(left);
          },
          [&](const Json& left) { return left == Json(expected); });
    };
    CHECK(choose({{"type", "nobody"}}) == 0);
    CHECK(choose({{"type", "mail"}, {"dead_reason", "expired"}}) == 0);
    CHECK(choose({{"type", "mail"}, {"error_type", "http_503"}}) == 1);
    await_left({a, c, d});
    CHECK(choose({{"dead_reason", "expired"}}) == 1);
    await_left({a, c});
    CHECK(choose({{"error_type", "bounce"}}) == 1);
    await_left({c});
    CHECK(choose({{"dead_reason", "max_attempts"}, {"type", "scan"}, {"error_type", "http_503"}}) ==
          1);
    await_left({});
  }
}

TEST_CASE("ids and filters together choose those that match both") {
  const std::string queue = fresh_queue();
  const std::string mail = dead_task(queue, {{"type", "mail"}})["id"];
  const std::string scan = dead_task(queue, {{"type", "scan"}})["id"];
  CHECK(redrive(queue, {{"ids", {mail, scan}}, {"type", "mail"}}).json() == Json{{"redriven", 1}});
  eventually(
      "the one is ready", [&] { return task(mail)["state"]; },
      [](const Json& state) { return state == "ready"; });
  CHECK(task(scan)["state"] == "dead");
  CHECK(discard(queue, {{"ids", {scan}}, {"error_type", "other"}}).json() ==
        Json{{"discarded", 0}});
  CHECK(discard(queue, {{"ids", {scan, scan}}, {"limit", 5}}).json() == Json{{"discarded", 1}});
  await_gone(scan);
}

TEST_CASE("before and limit choose those that died first") {
  const std::string queue = fresh_queue();
  std::vector<std::string> ids;
  std::vector<Json> deaths;
  for (int i = 0; i < 5; ++i) {
    const Json dead = dead_task(queue);
    ids.push_back(dead["id"]);
    deaths.push_back(dead["finished_at"]);
    const std::int64_t died = millis(dead["finished_at"]);
    eventually("the clock ticks", now_millis, [&](std::int64_t now) { return now > died; });
  }
  const auto await_left = [&](std::size_t first) {
    eventually(
        "the first are chosen", [&] { return Json(dead_ids(queue)); },
        [&](const Json& left) {
          return left == Json(std::vector<std::string>(
                             ids.rbegin(), ids.rend() - static_cast<std::ptrdiff_t>(first)));
        });
  };
  CHECK(redrive(queue, {{"all", true}, {"before", deaths[0]}}).json() == Json{{"redriven", 0}});
  CHECK(redrive(queue, {{"all", true}, {"before", deaths[2]}, {"limit", 1}}).json() ==
        Json{{"redriven", 1}});
  await_left(1);
  CHECK(discard(queue, {{"all", true}, {"before", deaths[2]}}).json() == Json{{"discarded", 1}});
  await_left(2);
  CHECK(redrive(queue, {{"all", true}, {"limit", 2}}).json() == Json{{"redriven", 2}});
  await_left(4);
  CHECK(discard(queue, {{"all", true}, {"limit", 100}}).json() == Json{{"discarded", 1}});
  await_left(5);
}

TEST_CASE("the dead can be redriven into another queue") {
  const std::string queue = fresh_queue();
  const std::string target = fresh_queue();
  put_queue(target);
  const std::string id = dead_task(queue, {{"payload", "p"}})["id"];
  CHECK(redrive(queue, {{"all", true}, {"to_queue", target}}).json() == Json{{"redriven", 1}});
  const Json leased = lease_one(target, {{"wait_ms", 30'000}});
  CHECK(leased["id"] == id);
  CHECK(leased["queue"] == target);
  CHECK(leased["payload"] == "p");
  CHECK(counts(queue) == Json::object());
  CHECK(counts(target) == Json{{"running", 1}});
  CHECK(ids_of(api().get("/tasks?queue=" + target).json()["tasks"]) == std::vector{id});
  CHECK(api().get("/tasks?queue=" + queue).json()["tasks"].empty());
  CHECK(complete(leased)["queue"] == target);
}

TEST_CASE("a queue that the dead are redriven into is created if need be") {
  const std::string queue = fresh_queue();
  const std::string target = fresh_queue();
  const std::string id = dead_task(queue)["id"];
  CHECK(redrive(queue, {{"all", true}, {"to_queue", target}}).json() == Json{{"redriven", 1}});
  CHECK(lease_one(target, {{"wait_ms", 30'000}})["id"] == id);
}

TEST_CASE("with a rate the chosen return over time") {
  const std::string queue = fresh_queue();
  for (int i = 0; i < 4; ++i) dead_task(queue);
  const auto begin = Clock::now();
  CHECK(redrive(queue, {{"all", true}, {"rate_per_second", 4}}).json() == Json{{"redriven", 4}});
  // A whole burst at once would be no rate.
  CHECK(counts(queue).value("ready", 0) < 4);
  std::vector<Json> leased;
  while (leased.size() < 4) leased.push_back(lease_one(queue, {{"wait_ms", 30'000}}));
  // Four at four a second are three intervals, whether or not the first waits.
  CHECK(Clock::now() - begin >= std::chrono::milliseconds(700));
  CHECK(counts(queue) == Json{{"running", 4}});
}

TEST_CASE("redriving may exceed a queue's max_backlog") {
  const std::string queue = fresh_queue();
  for (int i = 0; i < 3; ++i) dead_task(queue);
  patch_queue(queue, {{"max_backlog", 1}});
  CHECK(redrive(queue, {{"all", true}}).json() == Json{{"redriven", 3}});
  eventually(
      "all are ready", [&] { return counts(queue); },
      [](const Json& seen) {
        return seen == Json{{"ready", 3}};
      });
}

TEST_CASE("the bodies of redrive and discard are checked") {
  const std::string queue = fresh_queue();
  const std::string id = dead_task(queue)["id"];
  struct Row {
    Json body;
    const char* pointer;
  };
  for (const Row& row : std::vector<Row>{
           {{{"all", false}}, "/all"},
           {{{"all", "yes"}}, "/all"},
           {{{"ids", id}}, "/ids"},
           {{{"ids", {5}}}, "/ids/0"},
           {{{"all", true}, {"type", "a b"}}, "/type"},
           {{{"all", true}, {"dead_reason", "bored"}}, "/dead_reason"},
           {{{"all", true}, {"error_type", 5}}, "/error_type"},
           {{{"all", true}, {"before", "yesterday"}}, "/before"},
           {{{"all", true}, {"limit", -1}}, "/limit"},
           {{{"all", true}, {"state", "dead"}}, "/state"},
       }) {
    CAPTURE(row.body.dump());
    const std::string refused = std::string("400 invalid_argument ") + row.pointer;
    CHECK(refusal(redrive(queue, row.body)) == refused);
    CHECK(refusal(discard(queue, row.body)) == refused);
  }
  for (const Json& body :
       std::vector<Json>{Json::object(), {{"type", "work"}}, {{"all", true}, {"ids", {id}}}}) {
    CAPTURE(body.dump());
    CHECK(refusal(redrive(queue, body)).starts_with("400 invalid_argument"));
    CHECK(refusal(discard(queue, body)).starts_with("400 invalid_argument"));
  }
  CHECK(refusal(redrive(queue, {{"all", true}, {"to_queue", "a b"}})) ==
        "400 invalid_argument /to_queue");
  CHECK(refusal(redrive(queue, {{"all", true}, {"rate_per_second", 0}})) ==
        "400 invalid_argument /rate_per_second");
  CHECK(refusal(redrive(queue, {{"all", true}, {"rate_per_second", "1"}})) ==
        "400 invalid_argument /rate_per_second");
  CHECK(refusal(discard(queue, {{"all", true}, {"to_queue", "x"}})) ==
        "400 invalid_argument /to_queue");
  CHECK(refusal(discard(queue, {{"all", true}, {"rate_per_second", 1}})) ==
        "400 invalid_argument /rate_per_second");
  CHECK(counts(queue) == Json{{"dead", 1}});
}

TEST_CASE("many dead tasks are redriven while others are served") {
  const std::string queue = fresh_queue();
  const std::string other = fresh_queue();
  submit_batch(std::vector<Json>(3000, Json{{"queue", queue}, {"type", "work"}}));
  for (int i = 0; i < 3; ++i) {
    Json items = Json::array();
    for (const Json& leased : lease_up_to(queue, 1000)) {
      items.push_back({{"op", "fail"},
                       {"id", leased["id"]},
                       {"lease_token", token(leased)},
                       {"retryable", false},
                       {"error", {{"type", "t"}, {"message", "m"}}}});
    }
    REQUIRE(api().post("/leases/settle", {{"settle", items}}).status == 200);
  }
  REQUIRE(counts(queue) == Json{{"dead", 3000}});
  CHECK(redrive(queue, {{"all", true}}).json() == Json{{"redriven", 3000}});
  submit(other);
  CHECK(complete(lease_one(other))["state"] == "succeeded");
  eventually(
      "all are ready", [&] { return counts(queue); },
      [](const Json& seen) {
        return seen == Json{{"ready", 3000}};
      });
  CHECK(lease_up_to(queue, 1000).size() == 1000);
}

}  // namespace
}  // namespace quern::test
