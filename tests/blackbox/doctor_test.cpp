// A running server goes over all that it stores: GET /admin/doctor.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "steps.h"

namespace quern::test {
namespace {

TEST_CASE("a server's store is gone over whole, and is sound") {
  const std::string name = fresh_queue();
  lease_new(name);
  dead_task(name);
  const Response response = api().get("/admin/doctor");
  REQUIRE(response.status == 200);
  const Json seen = response.json();
  CHECK(seen["sound"] == true);
  CHECK(seen["queues"] == 1);
  CHECK(seen["tasks"] == 2);
  CHECK(seen["index_entries"] == 1);  // of the dead one
  CHECK(seen["finding_count"] == 0);
  CHECK(seen["findings"] == Json::array());
}

TEST_CASE("the question takes no parameters and no body") {
  CHECK(refused_field(api().get("/admin/doctor?repair=true")).starts_with("400"));
  CHECK(api().post("/admin/doctor", Json::object()).status == 405);
}

// Tasks of every kind, in and out, until told to stop.
void work(const std::string& name, const std::atomic<bool>& stop, std::atomic<int>& done) {
  Client client(server().port(), Client::Log::off);
  while (!stop) {
    Json tasks = Json::array();
    for (int i = 0; i < 8; ++i) {
      tasks.push_back({{"queue", name}, {"type", "t"}, {"priority", i}, {"correlation_id", name}});
    }
    tasks[0]["delay_ms"] = 20;
    tasks[1]["ttl_ms"] = 5'000;
    client.post("/tasks/batch", {{"tasks", tasks}});
    const Json leased =
        client.post("/leases", {{"queues", {name}}, {"max_tasks", 6}}).json()["tasks"];
    for (std::size_t i = 0; i < leased.size(); ++i) {
      const std::string verb = i % 3 == 0 ? "complete" : i % 3 == 1 ? "release" : "fail";
      Json body = {{"lease_token", leased[i]["lease"]["token"]}};
      if (verb == "fail") body["retryable"] = i % 2 == 0;
      if (verb == "fail") body["error"] = {{"type", "e"}, {"message", "m"}};
      const Response settled =
          client.post("/tasks/" + leased[i]["id"].get<std::string>() + "/" + verb, body);
      if (settled.status == 200) ++done;
    }
    client.post("/queues/" + name + "/purge", {{"states", {"dead"}}});
  }
}

TEST_CASE("work that goes on meanwhile is no finding") {
  std::atomic<bool> stop{false};
  std::atomic<int> done{0};
  std::vector<std::jthread> workers;
  for (int i = 0; i < 3; ++i) {
    workers.emplace_back([&, name = fresh_queue()] { work(name, stop, done); });
  }
  for (int audits = 0; audits < 40; ++audits) {
    const int before = done;
    const Json seen = api().get("/admin/doctor").json();
    INFO(seen.dump());
    CHECK(seen["sound"] == true);
    eventually(
        "work goes on", [&] { return done.load(); }, [&](int now) { return now > before; });
  }
  stop = true;
}

}  // namespace
}  // namespace quern::test
