#include "steps.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <memory>
#include <regex>
#include <set>

#include "support/temp_dir.h"

namespace quern::test {
namespace {

std::vector<std::string>& flags() {
  static std::vector<std::string> value;
  return value;
}

bool shaped_like(const std::string& text, const char* pattern) {
  return std::regex_match(text, std::regex(pattern));
}

// What is wrong with a problem document, or nothing.
std::string flaw(const Response& response) {
  if (!response.header("X-Request-ID")) return "no X-Request-ID";
  if (response.header("Content-Type").value_or("") != "application/problem+json") {
    return "Content-Type is " + response.header("Content-Type").value_or("absent");
  }
  const Json problem = Json::parse(response.body, nullptr, false);
  if (!problem.is_object()) return "the body is no JSON object";
  for (const char* name : {"type", "title", "detail", "code"}) {
    if (!problem.contains(name) || !problem[name].is_string() || problem[name] == "") {
      return std::string("no ") + name;
    }
  }
  if (problem.value("status", 0) != response.status) return "`status` is not the status";
  std::string type = "/problems/" + problem["code"].get<std::string>();
  std::replace(type.begin(), type.end(), '_', '-');
  if (problem["type"] != type) return "`type` is not " + type;
  const bool waits = response.status == 429 || response.status == 503;
  if (waits && !shaped_like(response.header("Retry-After").value_or(""), "[0-9]+")) {
    return "no Retry-After in seconds";
  }
  return "";
}

std::string describe(const Response& response, bool with_code) {
  std::string text = std::to_string(response.status);
  if (response.status < 400) return text + " " + response.body.substr(0, 500);
  if (const std::string wrong = flaw(response); !wrong.empty()) {
    return text + " but a malformed problem: " + wrong + ": " + response.body.substr(0, 500);
  }
  const Json problem = response.json();
  if (with_code) text += " " + problem["code"].get<std::string>();
  if (!problem.contains("errors")) return text;
  std::set<std::string> pointers;
  for (const Json& error : problem["errors"]) {
    if (error.value("detail", "").empty()) return text + " but an error without a detail";
    pointers.insert(error.value("pointer", "(no pointer)"));
  }
  for (const std::string& pointer : pointers) text += " " + pointer;
  return text;
}

Json expect(const Response& response, int status) {
  INFO("answer: ", response.status, " ", response.body.substr(0, 1000));
  REQUIRE(response.status == status);
  return response.body.empty() ? Json() : response.json();
}

}  // namespace

void server_flags(std::vector<std::string> value) { flags() = std::move(value); }

Server& server() {
  // In this order: the server must end before its data go.
  static const TempDir folder;
  static Server instance(ServerOptions{
      .data = folder.path() / "data", .port = 0, .flags = flags(), .environment = {}});
  return instance;
}

Client& api() {
  static Client client(server().port());
  return client;
}

std::string fresh_queue() {
  static int count = 0;
  return "q" + std::to_string(++count);
}

std::string refusal(const Response& response) { return describe(response, true); }
std::string refused_field(const Response& response) { return describe(response, false); }

Exchange exchange_bytes(const std::string& bytes) {
  Connection connection(server().port());
  connection.send(bytes);
  Exchange exchange;
  exchange.response = connection.receive();
  const bool to_close = exchange.response.header("Connection").value_or("") == "close";
  exchange.closed = to_close && connection.closed_by_server();
  return exchange;
}

// --- Tasks

Json submit(const std::string& queue, Json fields) {
  fields["queue"] = queue;
  if (!fields.contains("type")) fields["type"] = "work";
  return expect(api().post("/tasks", fields), 202);
}

std::vector<Json> submit_batch(const std::vector<Json>& tasks) {
  return expect(api().post("/tasks/batch", {{"tasks", tasks}}), 202)["tasks"]
      .get<std::vector<Json>>();
}

Json task(const std::string& id) { return expect(api().get("/tasks/" + id), 200); }

Response post_task(const Json& body, Headers headers) {
  return api().post("/tasks", body, std::move(headers));
}

bool is_gone(const std::string& id) {
  return refusal(api().get("/tasks/" + id)) == "404 task_not_found";
}

void await_gone(const std::string& id) {
  eventually(
      "the task is gone", [&] { return api().get("/tasks/" + id).status; },
      [](int status) { return status == 404; });
}

Response lease(const Json& body) { return api().post("/leases", body); }

std::vector<Json> lease_up_to(const std::string& queue, int count, Json fields) {
  fields["queues"] = {queue};
  fields["max_tasks"] = count;
  return expect(lease(fields), 200)["tasks"].get<std::vector<Json>>();
}

Json lease_one(const std::string& queue, Json fields) {
  const std::vector<Json> tasks = lease_up_to(queue, 1, std::move(fields));
  REQUIRE(tasks.size() == 1);
  return tasks.front();
}

std::string token(const Json& leased) { return leased["lease"]["token"]; }

Json lease_new(const std::string& queue, Json fields) {
  const std::string id = submit(queue, std::move(fields))["id"];
  Json leased = lease_one(queue);
  REQUIRE(leased["id"] == id);
  return leased;
}

Json wait_until_lost(const Json& leased) {
  const std::string id = leased["id"];
  return eventually(
      "the lease is over", [&] { return task(id); },
      [](const Json& seen) { return seen["state"] != "running"; });
}

Response settle_call(const std::string& verb, const Json& leased, Json fields) {
  fields["lease_token"] = token(leased);
  return api().post("/tasks/" + leased["id"].get<std::string>() + "/" + verb, fields);
}

Json complete(const Json& leased, Json result) {
  return expect(settle_call("complete", leased, {{"result", std::move(result)}}), 200);
}

Json fail(const Json& leased, Json fields) {
  if (!fields.contains("error")) fields["error"] = {{"type", "broken"}, {"message", "it broke"}};
  return expect(settle_call("fail", leased, std::move(fields)), 200);
}

Json release(const Json& leased) { return expect(settle_call("release", leased), 200); }

Json cancel(const std::string& id) { return expect(api().post("/tasks/" + id + "/cancel"), 200); }

Json dead_task(const std::string& queue, Json fields, const std::string& reason,
               const std::string& error_type) {
  // First in the queue's order, so that it is the one that gets leased.
  fields["priority"] = 9;
  if (reason == "max_attempts") fields["max_attempts"] = 1;
  submit(queue, std::move(fields));
  const Json died = fail(lease_one(queue), {{"error", {{"type", error_type}, {"message", "no"}}},
                                            {"retryable", reason == "max_attempts"}});
  REQUIRE(died["state"] == "dead");
  REQUIRE(died["dead_reason"] == reason);
  return died;
}

// --- Queues

Json put_queue(const std::string& queue, const Json& settings) {
  return expect(api().put("/queues/" + queue, settings), 200);
}

Json patch_queue(const std::string& queue, const Json& settings) {
  return expect(api().patch("/queues/" + queue, settings), 200);
}

Json queue(const std::string& name) { return expect(api().get("/queues/" + name), 200); }

std::vector<std::string> dead_ids(const std::string& queue, std::size_t limit) {
  std::vector<std::string> ids;
  std::string cursor;
  for (;;) {
    const Response response =
        api().get("/queues/" + queue + "/dead?limit=" + std::to_string(limit) + cursor);
    REQUIRE(response.status == 200);
    const Json page = response.json();
    CHECK(page["tasks"].size() <= limit);
    for (const std::string& id : ids_of(page["tasks"])) ids.push_back(id);
    if (page["next_cursor"].is_null()) return ids;
    cursor = "&cursor=" + percent_encoded(page["next_cursor"].get<std::string>());
  }
}

Json counts(const std::string& name) {
  Json result = Json::object();
  const Json shown = queue(name);
  for (const auto& [state, count] : shown["counts"].items()) {
    if (count != 0) result[state] = count;
  }
  return result;
}

// --- Small things

std::vector<std::string> ids_of(const Json& tasks) {
  std::vector<std::string> ids;
  for (const Json& each : tasks) ids.push_back(each["id"]);
  return ids;
}

std::int64_t millis(const Json& time) {
  REQUIRE(time.is_string());
  const std::string text = time;
  CAPTURE(text);
  REQUIRE(shaped_like(text, R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)"));
  std::tm parts{};
  REQUIRE(::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts) != nullptr);
  return std::int64_t{::timegm(&parts)} * 1000 + std::stoi(text.substr(20, 3));
}

std::string as_time(std::int64_t millis) {
  const std::time_t seconds = millis / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>(millis % 1000));
  return std::string(text.data()) + fraction.data();
}

std::int64_t now_millis() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

bool is_uuid7(const std::string& text) {
  return shaped_like(text, "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
}

std::string percent_encoded(std::string_view text) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~') {
      result += c;
    } else {
      result += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return result;
}

}  // namespace quern::test
