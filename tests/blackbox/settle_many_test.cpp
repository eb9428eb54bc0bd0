// Many settlements in one call. Section 5.
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
