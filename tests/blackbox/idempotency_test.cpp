// One key, one task: replays, reuse, races, windows; and backlogs, which a replay need not fit
// into. Section 3.
#include <algorithm>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "steps.h"

namespace quern::test {
namespace {

bool replayed(const Response& response) {
  return response.header("Idempotency-Replayed") == "true";
}

TEST_CASE("the same key again answers the first task and stores nothing") {
  const std::string queue = fresh_queue();
  const Json body = {
      {"queue", queue}, {"type", "work"}, {"payload", {1, 2}}, {"idempotency_key", "k1"}};
  const Response first = post_task(body);
  const Response second = post_task(body);
  REQUIRE(first.status == 202);
  CHECK_FALSE(replayed(first));
  CHECK(second.status == 202);
  CHECK(replayed(second));
  CHECK(second.json() == first.json());
  CHECK(second.header("Location") == first.header("Location"));
  CHECK(first.json()["idempotency_key"] == "k1");
  CHECK(counts(queue) == Json{{"ready", 1}});
}

TEST_CASE("a replay answers the task as it stands") {
  const std::string queue = fresh_queue();
  const Json body = {{"queue", queue}, {"type", "work"}, {"idempotency_key", "k"}};
  const std::string id = post_task(body).json()["id"];
  const Json leased = lease_one(queue);
  CHECK(post_task(body).json()["state"] == "running");
  complete(leased, "done");
  const Response again = post_task(body);
  CHECK(replayed(again));
  CHECK(again.json()["state"] == "succeeded");
  CHECK(again.json()["id"] == id);
  CHECK_FALSE(again.json().contains("result"));
}

TEST_CASE("a key with another type or payload is 422 and changes nothing") {
  const std::string queue = fresh_queue();
  const auto text = [&](const std::string& type, const std::string& payload) {
    return R"({"queue":")" + queue + R"(","idempotency_key":"k","type":")" + type +
           R"(","payload":)" + payload + "}";
  };
  REQUIRE(api().post_text("/tasks", text("work", R"({"a":1})")).status == 202);
  const std::string refused = "422 idempotency_key_reused /idempotency_key";
  CHECK(refusal(api().post_text("/tasks", text("other", R"({"a":1})"))) == refused);
  CHECK(refusal(api().post_text("/tasks", text("work", R"({"a":2})"))) == refused);
  CHECK(refusal(api().post_text("/tasks", text("work", R"({"a": 1})"))) == refused);
  CHECK(refusal(api().post_text("/tasks", text("work", R"({"a":1.0})"))) == refused);
  CHECK(replayed(api().post_text("/tasks", text("work", R"({"a":1})"))));
  CHECK(counts(queue) == Json{{"ready", 1}});
}

TEST_CASE("a payload that was left out is the same as null for a key") {
  const std::string queue = fresh_queue();
  const std::string id = submit(queue, {{"idempotency_key", "k"}})["id"];
  CHECK(submit(queue, {{"idempotency_key", "k"}, {"payload", nullptr}})["id"] == id);
}

TEST_CASE("a key belongs to one queue") {
  const std::string one = fresh_queue();
  const std::string two = fresh_queue();
  CHECK(submit(one, {{"idempotency_key", "k"}})["id"] !=
        submit(two, {{"idempotency_key", "k"}})["id"]);
}

TEST_CASE("the key may come as a header, bare or quoted") {
  const std::string queue = fresh_queue();
  const Json body = {{"queue", queue}, {"type", "work"}};
  const Response bare = post_task(body, {{"Idempotency-Key", "order-17"}});
  REQUIRE(bare.status == 202);
  CHECK(bare.json()["idempotency_key"] == "order-17");
  const Response quoted = post_task(body, {{"idempotency-key", "\"order-17\""}});
  CHECK(replayed(quoted));
  CHECK(quoted.json()["id"] == bare.json()["id"]);
  Json with_field = body;
  with_field["idempotency_key"] = "order-17";
  CHECK(replayed(post_task(with_field)));
  CHECK(replayed(post_task(with_field, {{"Idempotency-Key", "order-17"}})));
  CHECK(post_task(with_field, {{"Idempotency-Key", "order-18"}}).status == 400);
  CHECK(refusal(post_task(with_field, {{"Idempotency-Key", "order-18"}}))
            .starts_with("400 invalid_argument"));
  CHECK(refusal(post_task(body, {{"Idempotency-Key", ""}})).starts_with("400 invalid_argument"));
  CHECK(refusal(post_task(body, {{"Idempotency-Key", std::string(256, 'k')}}))
            .starts_with("400 invalid_argument"));
  CHECK(refusal(post_task(body, {{"Idempotency-Key", "caf\xc3\xa9"}})).starts_with("400 "));
  CHECK(post_task(body, {{"Idempotency-Key", "a"}, {"Idempotency-Key", "a"}}).status == 400);
  CHECK(counts(queue) == Json{{"ready", 1}});
}

TEST_CASE("two at the same instant with one key create one task") {
  const std::string queue = fresh_queue();
  constexpr std::size_t callers = 8;
  std::vector<std::string> ids(callers);
  std::vector<int> statuses(callers);
  const std::uint16_t port = server().port();
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < callers; ++i) {
      threads.emplace_back([&, i] {
        Client client(port);
        const Response response = client.post(
            "/tasks", {{"queue", queue}, {"type", "work"}, {"idempotency_key", "once"}});
        statuses[i] = response.status;
        if (response.status == 202) ids[i] = response.json()["id"];
      });
    }
  }
  CHECK(statuses == std::vector<int>(callers, 202));
  CHECK(std::set<std::string>(ids.begin(), ids.end()).size() == 1);
  CHECK(counts(queue) == Json{{"ready", 1}});
}

TEST_CASE("one key twice in a batch creates one task") {
  const std::string queue = fresh_queue();
  const Json keyed = {{"queue", queue}, {"type", "work"}, {"idempotency_key", "k"}};
  const std::vector<Json> submitted =
      submit_batch({keyed, {{"queue", queue}, {"type", "work"}}, keyed});
  REQUIRE(submitted.size() == 3);
  CHECK(submitted[0]["id"] == submitted[2]["id"]);
  CHECK(counts(queue) == Json{{"ready", 2}});
  CHECK(submit_batch({keyed})[0]["id"] == submitted[0]["id"]);
  CHECK(counts(queue) == Json{{"ready", 2}});
}

TEST_CASE("a batch that reuses a key for another payload is 422 and stores nothing") {
  const std::string queue = fresh_queue();
  submit(queue, {{"idempotency_key", "k"}, {"payload", 1}});
  const Json fresh = {{"queue", queue}, {"type", "work"}};
  const Json clash = {{"queue", queue}, {"type", "work"}, {"idempotency_key", "k"}, {"payload", 2}};
  CHECK(refusal(api().post("/tasks/batch", {{"tasks", {fresh, clash}}}))
            .starts_with("422 idempotency_key_reused"));
  const Json a = {{"queue", queue}, {"type", "work"}, {"idempotency_key", "new"}, {"payload", 1}};
  const Json b = {{"queue", queue}, {"type", "work"}, {"idempotency_key", "new"}, {"payload", 2}};
  CHECK(refusal(api().post("/tasks/batch", {{"tasks", {a, b}}}))
            .starts_with("422 idempotency_key_reused"));
  CHECK(counts(queue) == Json{{"ready", 1}});
}

TEST_CASE("a batch refuses the header Idempotency-Key") {
  const std::string queue = fresh_queue();
  const Json body = {{"tasks", {{{"queue", queue}, {"type", "work"}}}}};
  CHECK(refusal(api().post("/tasks/batch", body, {{"Idempotency-Key", "k"}}))
            .starts_with("400 invalid_argument"));
  CHECK(refusal(api().get("/queues/" + queue)) == "404 queue_not_found");
}

TEST_CASE("a key is free again when its window is over and its task finished") {
  const std::string queue = fresh_queue();
  put_queue(queue, {{"idempotency_window_ms", 200}});
  const Json keyed = {{"queue", queue}, {"type", "work"}, {"idempotency_key", "k"}};
  const std::string first = post_task(keyed).json()["id"];
  // A witness of the same age whose window is over shows that this one's is, too.
  const Json witness = {
      {"queue", queue}, {"type", "work"}, {"idempotency_key", "w"}, {"priority", 9}};
  const std::string witness_id = post_task(witness).json()["id"];
  const Json leased = lease_one(queue);
  REQUIRE(leased["id"] == witness_id);
  complete(leased);
  eventually(
      "the witness's key is free again",
      [&] { return post_task(witness).json()["id"].get<std::string>(); },
      [&](const std::string& id) { return id != witness_id; });
  const Response still = post_task(keyed);
  CHECK(replayed(still));
  CHECK(still.json()["id"] == first);

  cancel(first);
  const Response anew = post_task(keyed);
  REQUIRE(anew.status == 202);
  CHECK_FALSE(replayed(anew));
  CHECK(anew.json()["id"] != first);
}

TEST_CASE("a full queue is 429 with Retry-After, and still answers replays") {
  const std::string queue = fresh_queue();
  put_queue(queue, {{"max_backlog", 2}});
  const Json keyed = {{"queue", queue}, {"type", "work"}, {"idempotency_key", "k"}};
  const std::string id = post_task(keyed).json()["id"];
  submit(queue, {{"delay_ms", 3'600'000}});
  const Response full = post_task({{"queue", queue}, {"type", "work"}});
  CHECK(refusal(full) == "429 queue_full");
  CHECK(full.header("Retry-After").has_value());
  CHECK(post_task(keyed).json()["id"] == id);
  CHECK(counts(queue) == Json{{"ready", 1}, {"scheduled", 1}});

  // What is dead does not count; what runs does.
  const Json leased = lease_one(queue);
  CHECK(refusal(post_task({{"queue", queue}, {"type", "work"}})) == "429 queue_full");
  fail(leased, {{"retryable", false}});
  submit(queue);
  CHECK(counts(queue) == Json{{"ready", 1}, {"scheduled", 1}, {"dead", 1}});
}

TEST_CASE("a batch that does not fit into a queue's backlog stores nothing") {
  const std::string queue = fresh_queue();
  put_queue(queue, {{"max_backlog", 2}});
  const Json one = {{"queue", queue}, {"type", "work"}};
  CHECK(refusal(api().post("/tasks/batch", {{"tasks", {one, one, one}}}))
            .starts_with("429 queue_full"));
  CHECK(counts(queue) == Json::object());
  CHECK(submit_batch({one, one}).size() == 2);
}

}  // namespace
}  // namespace quern::test
