// What holds for every request: headers, errors, strictness. Section 1 of the contract.
#include <string>
#include <vector>

#include "steps.h"

namespace quern::test {
namespace {

const std::string unknown_id = "01900000-0000-7000-8000-000000000000";

Response post_task(const std::string& body) { return api().post_text("/tasks", body); }

TEST_CASE("every answer carries X-Request-ID, the client's own if it is 1 to 128 visible ASCII") {
  for (const std::string& own :
       {std::string("a"), std::string("req-1/2:3~!"), std::string(128, '~')}) {
    CAPTURE(own);
    CHECK(api().get("/healthz", {{"X-Request-ID", own}}).header("X-Request-ID") == own);
    CHECK(api().get("/nowhere", {{"X-Request-ID", own}}).header("X-Request-ID") == own);
  }
  for (const std::string& bad : {std::string(""), std::string("two words"), std::string(129, 'a'),
                                 std::string("caf\xc3\xa9")}) {
    CAPTURE(bad);
    const auto given = api().get("/healthz", {{"X-Request-ID", bad}}).header("X-Request-ID");
    REQUIRE(given.has_value());
    CHECK(given != bad);
    CHECK_FALSE(given->empty());
  }
  const auto first = api().get("/healthz").header("X-Request-ID");
  const auto second = api().get("/healthz").header("X-Request-ID");
  REQUIRE(first.has_value());
  CHECK(first != second);
}

TEST_CASE("a body that is not declared as JSON is 415") {
  const std::string queue = fresh_queue();
  const std::string body = Json{{"type", "work"}, {"queue", queue}}.dump();
  for (const char* type : {"", "text/plain", "application/x-www-form-urlencoded",
                           "application/jsonx", "multipart/form-data; boundary=x",
                           "application/merge-patch+json", "text/plain; application/json"}) {
    CAPTURE(type);
    const Response response = api().send(
        {.method = "POST", .target = "/tasks", .headers = {}, .body = body, .content_type = type});
    CHECK(refusal(response) == "415 unsupported_media_type");
  }
  CHECK(refusal(api().get("/queues/" + queue)) == "404 queue_not_found");
  for (const char* type :
       {"application/json; charset=utf-8", "Application/JSON", "application/json;v=1"}) {
    CAPTURE(type);
    CHECK(api()
              .send({.method = "POST",
                     .target = "/tasks",
                     .headers = {},
                     .body = body,
                     .content_type = type})
              .status == 202);
  }
}

TEST_CASE("a body with a Content-Encoding is 415") {
  for (const char* coding : {"gzip", "deflate", "br"}) {
    CHECK(refusal(api().post("/tasks", {{"type", "work"}}, {{"Content-Encoding", coding}})) ==
          "415 unsupported_media_type");
  }
}

TEST_CASE("a foreign Origin is refused, the server's own is not") {
  for (const char* origin : {"http://evil.example", "https://evil.example:7480", "null",
                             "http://127.0.0.1.evil.example", "http://localhost.evil.example"}) {
    CAPTURE(origin);
    CHECK(refusal(api().get("/queues", {{"Origin", origin}})) == "403 forbidden");
    CHECK(refusal(api().post("/tasks", {{"type", "work"}}, {{"Origin", origin}})) ==
          "403 forbidden");
    const Response preflight = api().send(
        {.method = "OPTIONS", .target = "/tasks", .headers = {{"Origin", origin}}, .body = {}});
    CHECK(refusal(preflight) == "403 forbidden");
    CHECK_FALSE(preflight.header("Access-Control-Allow-Origin").has_value());
  }
  for (const char* host : {"127.0.0.1", "localhost"}) {
    const std::string authority = std::string(host) + ":" + std::to_string(server().port());
    CHECK(api().get("/queues", {{"Origin", "http://" + authority}, {"Host", authority}}).status ==
          200);
  }
}

TEST_CASE("what a browser sends for a page of another site is refused, with or without Origin") {
  for (const char* site : {"cross-site", "same-site", "nonsense"}) {
    CAPTURE(site);
    CHECK(refusal(api().get("/queues", {{"Sec-Fetch-Site", site}})) == "403 forbidden");
    CHECK(refusal(api().post("/tasks", {{"type", "work"}}, {{"Sec-Fetch-Site", site}})) ==
          "403 forbidden");
  }
  for (const char* site : {"same-origin", "none"}) {
    CHECK(api().get("/queues", {{"Sec-Fetch-Site", site}}).status == 200);
  }
}

TEST_CASE("a Host that the server does not listen as is 421") {
  const std::string port = ":" + std::to_string(server().port());
  for (const char* host :
       {"evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "192.0.2.1"}) {
    CAPTURE(host);
    CHECK(refusal(api().get("/healthz", {{"Host", host + port}})) == "421 misdirected_request");
  }
  CHECK(refusal(api().get("/healthz", {{"Host", "evil.example"}})) == "421 misdirected_request");
  CHECK(refusal(api().get("http://evil.example/healthz")) == "421 misdirected_request");
  for (const char* host : {"127.0.0.1", "localhost", "LocalHost", "[::1]"}) {
    CAPTURE(host);
    CHECK(api().get("/healthz", {{"Host", host + port}}).status == 200);
  }
  CHECK(api().get("http://127.0.0.1" + port + "/healthz").status == 200);
}

TEST_CASE("an unknown path is 404") {
  for (const char* path :
       {"/", "/task", "/tasks/batch/x", "/queues/a/b", "/leases/x", "/healthz/x", "/TASKS"}) {
    CAPTURE(path);
    CHECK(refusal(api().get(path)) == "404 not_found");
  }
  CHECK(refusal(api().post("/tasks/" + unknown_id + "/explode", Json::object())) ==
        "404 not_found");
  CHECK(refusal(api().post("/queues/q/explode", Json::object())) == "404 not_found");
}

TEST_CASE("a known path with the wrong method is 405 with Allow") {
  struct Row {
    const char* method;
    std::string path;
    std::vector<std::string> allowed;
  };
  const std::vector<Row> rows = {
      {"DELETE", "/tasks", {"GET", "HEAD", "POST"}},
      {"PUT", "/tasks", {"GET", "HEAD", "POST"}},
      {"PUT", "/tasks/batch", {"POST"}},
      {"GET", "/tasks/batch", {"POST"}},
      {"POST", "/tasks/" + unknown_id, {"GET", "HEAD"}},
      {"GET", "/tasks/" + unknown_id + "/complete", {"POST"}},
      {"GET", "/leases", {"POST"}},
      {"HEAD", "/leases", {"POST"}},
      {"DELETE", "/leases/settle", {"POST"}},
      {"POST", "/queues", {"GET", "HEAD"}},
      {"POST", "/queues/a", {"GET", "HEAD", "PUT", "PATCH", "DELETE"}},
      {"GET", "/queues/a/pause", {"POST"}},
      {"GET", "/queues/a/dead/redrive", {"POST"}},
      {"DELETE", "/queues/a/dead", {"GET", "HEAD"}},
      {"POST", "/healthz", {"GET", "HEAD"}},
      {"TRACE", "/healthz", {"GET", "HEAD"}},
      {"OPTIONS", "/leases", {"POST"}},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.method));
    CAPTURE(row.path);
    const Response response =
        api().send({.method = row.method, .target = row.path, .headers = {}, .body = {}});
    CHECK(response.status == 405);
    const std::string allow = ", " + response.header("Allow").value_or("");
    for (const std::string& method : row.allowed) {
      CAPTURE(allow);
      CHECK((allow.find(" " + method) != std::string::npos ||
             allow.find("," + method) != std::string::npos));
    }
    if (std::string(row.method) != "HEAD") CHECK(refusal(response) == "405 method_not_allowed");
  }
}

TEST_CASE("HEAD answers as GET does, without the body") {
  const std::string queue = fresh_queue();
  const std::string id = submit(queue)["id"];
  for (const std::string& path :
       {std::string("/healthz"), std::string("/readyz"), std::string("/info"),
        std::string("/queues"), "/queues/" + queue, "/queues/" + queue + "/dead",
        "/tasks?queue=" + queue, "/tasks/" + id}) {
    CAPTURE(path);
    const Response head = api().head(path);
    const Response get = api().get(path);
    CHECK(head.status == 200);
    CHECK(get.status == 200);
    CHECK(head.header("Content-Type") == get.header("Content-Type"));
  }
  CHECK(api().head("/tasks/" + unknown_id).status == 404);
}

TEST_CASE("an unknown query parameter, one given twice, or one out of range is 400 and named") {
  const std::string queue = fresh_queue();
  const std::string id = submit(queue)["id"];
  const std::string tasks = "/tasks?queue=" + queue;
  struct Row {
    std::string target;
    const char* pointer;
  };
  const std::vector<Row> rows = {
      {tasks + "&limt=5", "/limt"},
      {tasks + "&limit=0", "/limit"},
      {tasks + "&limit=1001", "/limit"},
      {tasks + "&limit=-1", "/limit"},
      {tasks + "&limit=ten", "/limit"},
      {tasks + "&limit=1.5", "/limit"},
      {tasks + "&limit=", "/limit"},
      {tasks + "&limit=99999999999999999999999", "/limit"},
      {tasks + "&limit=5&limit=6", "/limit"},
      {tasks + "&queue=" + queue, "/queue"},
      {tasks + "&state=done", "/state"},
      {tasks + "&type=a%20b", "/type"},
      {tasks + "&cursor=nonsense", "/cursor"},
      {"/tasks?queue=a%20b", "/queue"},
      {"/tasks?correlation_id=", "/correlation_id"},
      {"/tasks/" + id + "?wait_ms=60001", "/wait_ms"},
      {"/tasks/" + id + "?wait_ms=-1", "/wait_ms"},
      {"/tasks/" + id + "?wait=5", "/wait"},
      {"/tasks/" + id + "?wait_ms=1&wait_ms=1", "/wait_ms"},
      {"/queues?limit=0", "/limit"},
      {"/queues?cursor=nonsense%21", "/cursor"},
      {"/queues?name=x", "/name"},
      {"/queues/" + queue + "?verbose=1", "/verbose"},
      {"/queues/" + queue + "/dead?limit=1001", "/limit"},
      {"/queues/" + queue + "/dead?state=dead", "/state"},
      {"/queues/" + queue + "/dead?cursor=nonsense%21", "/cursor"},
      {"/healthz?x=1", "/x"},
      {"/readyz?x=1", "/x"},
      {"/info?x=1", "/x"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.target);
    CHECK(refusal(api().get(row.target)) == std::string("400 invalid_argument ") + row.pointer);
  }
  CHECK(refusal(api().post("/tasks?x=1", {{"type", "work"}})) == "400 invalid_argument /x");
  CHECK(refusal(api().del("/queues/" + queue + "?force=maybe")) == "400 invalid_argument /force");
  CHECK(refusal(api().del("/queues/" + queue + "?forced=true")) == "400 invalid_argument /forced");
}

TEST_CASE("an unknown field, a wrong type or a missing field is 400 with its JSON Pointer") {
  struct Row {
    const char* target;
    Json body;
    const char* pointer;
  };
  const std::vector<Row> rows = {
      {"/tasks", Json::object(), "/type"},
      {"/tasks", {{"type", "work"}, {"max_retry", 3}}, "/max_retry"},
      {"/tasks", {{"type", "work"}, {"id", "x"}}, "/id"},
      {"/tasks", {{"type", "work"}, {"state", "ready"}}, "/state"},
      {"/tasks", {{"type", "work"}, {"a/b~c", 1}}, "/a~1b~0c"},
      {"/tasks", {{"type", 5}}, "/type"},
      {"/tasks", {{"type", nullptr}}, "/type"},
      {"/tasks", {{"type", "work"}, {"retry", {{"base", 5}}}}, "/retry/base"},
      {"/tasks", {{"type", "work"}, {"retry", "fast"}}, "/retry"},
      {"/tasks", Json::array(), ""},
      {"/tasks", "work", ""},
      {"/tasks", nullptr, ""},
      {"/tasks/batch", Json::object(), "/tasks"},
      {"/tasks/batch", {{"tasks", Json::object()}}, "/tasks"},
      {"/tasks/batch", {{"tasks", {"work"}}}, "/tasks/0"},
      {"/tasks/batch", {{"tasks", {{{"type", "work"}}}}, {"atomic", true}}, "/atomic"},
      {"/leases", Json::object(), "/queues"},
      {"/leases", {{"queues", {"a"}}, {"count", 1}}, "/count"},
      {"/leases/settle", Json::object(), "/settle"},
      {"/leases/settle", {{"settle", {5}}}, "/settle/0"},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.target));
    CAPTURE(row.body.dump());
    const std::string pointer = row.pointer;
    // The pointer to the whole body is empty.
    const std::string expected = "400 invalid_argument " + pointer;
    CHECK(refusal(api().post(row.target, row.body)) == expected);
  }
}

TEST_CASE("a field given twice is 400 and named") {
  CHECK(refused_field(post_task(R"({"type":"work","priority":1,"priority":2})")) ==
        "400 /priority");
  CHECK(refused_field(post_task(R"({"type":"work","type":"work"})")) == "400 /type");
  CHECK(refused_field(post_task(R"({"type":"work","retry":{"base_ms":1,"base_ms":1}})")) ==
        "400 /retry/base_ms");
  CHECK(refused_field(post_task(R"({"type":"work","payload":1,"payload":1})")) == "400 /payload");
  CHECK(refused_field(post_task(R"({"type":"work","priority":1,"pri\u006frity":2})")) ==
        "400 /priority");
}

TEST_CASE("a body that is not JSON is 400") {
  for (const char* body :
       {"", " ", "{", "{\"type\":\"work\"", "{\"type\":\"work\"} x", "{\"type\":\"work\"}{}",
        "{'type':'work'}", "{\"type\":\"work\",}", "{type:\"work\"}", "type=work",
        "\xef\xbb\xbf{\"type\":\"work\"}", "{\"type\":\"work\" /* c */}", "{\"type\":\"a\tb\"}",
        "{\"type\":\"\\x\"}", "{\"type\":\"caf\xe9\"}"}) {
    CAPTURE(body);
    const Response response = post_task(body);
    CHECK(response.status == 400);
    CHECK(refusal(response).starts_with("400 invalid_"));
  }
}

TEST_CASE("nesting deeper than 64, counted over the whole body, is 400") {
  const auto nested = [](int depth) {
    const auto count = static_cast<std::size_t>(depth);
    return R"({"type":"work","payload":)" + std::string(count, '[') + std::string(count, ']') + "}";
  };
  CHECK(post_task(nested(63)).status == 202);
  CHECK(refusal(post_task(nested(64))).starts_with("400 invalid_"));
  CHECK(refusal(post_task(nested(100'000))).starts_with("400 invalid_"));
}

TEST_CASE("a 4xx changes nothing") {
  const std::string queue = fresh_queue();
  submit(queue);
  const Json before = counts(queue);
  CHECK(refusal(api().post("/tasks", {{"type", "work"}, {"queue", queue}, {"priority", 10}})) ==
        "400 invalid_argument /priority");
  CHECK(refusal(
            api().post("/tasks", {{"type", "work"}, {"queue", fresh_queue()}, {"priority", 10}})) ==
        "400 invalid_argument /priority");
  CHECK(counts(queue) == before);
}

TEST_CASE("names of queues and types are checked") {
  for (const std::string& good : {std::string("a"), std::string("_x"), std::string("9"),
                                  std::string("A.b:c-d_e"), std::string(128, 'n')}) {
    CAPTURE(good);
    CHECK(submit(good, {{"type", good}})["queue"] == good);
    CHECK(queue(percent_encoded(good))["name"] == good);
  }
  for (const std::string& bad :
       {std::string(""), std::string("."), std::string("-a"), std::string(":a"), std::string("a b"),
        std::string("a/b"), std::string("caf\xc3\xa9"), std::string(129, 'n'),
        std::string("a\n")}) {
    CAPTURE(bad);
    CHECK(refusal(api().post("/tasks", {{"type", "work"}, {"queue", bad}})) ==
          "400 invalid_argument /queue");
    CHECK(refusal(api().post("/tasks", {{"type", bad}})) == "400 invalid_argument /type");
    CHECK(refusal(lease({{"queues", {"ok", bad}}})) == "400 invalid_argument /queues/1");
    // As path segments these two are no segment, and a step nowhere.
    if (bad != "" && bad != ".")
      CHECK(api().put("/queues/" + percent_encoded(bad), Json::object()).status == 400);
  }
}

TEST_CASE("anything but a task's id in the place of one is 404 task_not_found") {
  const std::string id = submit(fresh_queue())["id"];
  REQUIRE(is_uuid7(id));
  std::string upper = id;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  std::string version4 = id;
  version4[14] = '4';
  for (const std::string& other :
       {unknown_id, upper, version4, std::string("1"), std::string("a%20b"), id + "0", id.substr(1),
        "{" + id + "}", std::string("caf%C3%A9"), std::string(500, 'x')}) {
    if (other == id) continue;
    CAPTURE(other);
    CHECK(refusal(api().get("/tasks/" + other)) == "404 task_not_found");
    CHECK(refusal(api().post("/tasks/" + other + "/cancel")) == "404 task_not_found");
    CHECK(refusal(api().post("/tasks/" + other + "/redrive")) == "404 task_not_found");
    for (const char* verb : {"/complete", "/heartbeat", "/release"}) {
      CHECK(refusal(api().post("/tasks/" + other + verb, {{"lease_token", "t"}})) ==
            "404 task_not_found");
    }
    CHECK(
        refusal(api().post("/tasks/" + other + "/fail",
                           {{"lease_token", "t"}, {"error", {{"type", "x"}, {"message", "y"}}}})) ==
        "404 task_not_found");
  }
}

TEST_CASE("calls without fields take no body or an empty object, and nothing else") {
  const std::string queue = fresh_queue();
  put_queue(queue);
  CHECK(api().post("/queues/" + queue + "/pause").status == 200);
  CHECK(api().post("/queues/" + queue + "/resume", Json::object()).status == 200);
  CHECK(refusal(api().post("/queues/" + queue + "/pause", {{"force", true}})) ==
        "400 invalid_argument /force");
  const std::string id = submit(queue)["id"];
  CHECK(refusal(api().post("/tasks/" + id + "/cancel", {{"reason", "x"}})) ==
        "400 invalid_argument /reason");
  CHECK(api().post("/tasks/" + id + "/cancel", Json::object()).status == 200);
}

TEST_CASE("times are RFC 3339 in UTC with milliseconds") {
  const std::int64_t before = now_millis();
  const Json submitted = submit(fresh_queue(), {{"delay_ms", 3'600'000}});
  const std::int64_t after = now_millis();
  CHECK(millis(submitted["created_at"]) >= before - 1);
  CHECK(millis(submitted["created_at"]) <= after + 1);
  CHECK(millis(submitted["run_at"]) == millis(submitted["created_at"]) + 3'600'000);
}

}  // namespace
}  // namespace quern::test
