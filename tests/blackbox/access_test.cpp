// Tokens, roles and queues of section 8, on the real program.
#include <signal.h>
#include <sys/stat.h>

#include <fstream>
#include <string>
#include <vector>

#include "steps.h"
#include "support/temp_dir.h"

namespace quern::test {
namespace {

std::string new_token(const std::filesystem::path& file, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"token", "new", "--append", file.string()});
  const Finished made = run_to_end(arguments);
  INFO(made.errors);
  REQUIRE(made.status == 0);
  REQUIRE(made.output.ends_with('\n'));
  return made.output.substr(0, made.output.size() - 1);
}

// A server with a token of each role, and one of each that is for the queues own.* only.
class Guarded {
 public:
  explicit Guarded(std::vector<std::string> flags = {}) {
    for (const char* role : {"producer", "worker", "reader", "admin"}) {
      add(role, {"--role", role});
      add(std::string("own-") + role, {"--role", role, "--queues", "own.*"});
    }
    flags.insert(flags.begin(), {"--tokens", tokens_file().string()});
    server_.emplace(ServerOptions{
        .data = folder_.path() / "data", .port = 0, .flags = std::move(flags), .environment = {}});
  }

  void add(const std::string& name, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--name", name});
    tokens_[name] = new_token(tokens_file(), std::move(arguments));
  }

  Headers as(const std::string& name) const {
    return {{"Authorization", "Bearer " + tokens_.at(name)}};
  }
  const std::string& token(const std::string& name) const { return tokens_.at(name); }
  std::filesystem::path tokens_file() const { return folder_.path() / "tokens"; }
  Server& server() { return *server_; }
  Client client() const { return Client(server_->port()); }

  // After a change of the file: until what `seen` looks at is as it should be.
  template <typename Seen>
  void reload(const char* what, Seen seen) {
    server_->signal(SIGHUP);
    eventually(what, seen, [](bool is_so) { return is_so; });
  }

 private:
  TempDir folder_;
  std::map<std::string, std::string> tokens_;
  std::optional<Server> server_;
};

Guarded& guarded() {
  static Guarded guarded;
  return guarded;
}

Json json_of(const Response& response, int status) {
  INFO(response.body);
  REQUIRE(response.status == status);
  return response.json();
}

const std::string some_id = "0198c0de-0000-7abc-8123-456789abcdef";

std::vector<Request> all_requests(const Headers& headers) {
  const auto with = [&](const char* method, const std::string& target, const char* body = nullptr) {
    Request request{.method = method, .target = target, .headers = headers, .body = {}};
    if (body != nullptr) request.body = body;
    return request;
  };
  const std::string task = "/tasks/" + some_id;
  return {with("POST", "/tasks", R"({"type":"work"})"),
          with("GET", "/tasks?queue=q"),
          with("POST", "/tasks/batch", R"({"tasks":[]})"),
          with("GET", task),
          with("POST", task + "/cancel"),
          with("POST", task + "/redrive"),
          with("POST", task + "/complete", R"({"lease_token":"x"})"),
          with("POST", task + "/fail", R"({"lease_token":"x"})"),
          with("POST", task + "/heartbeat", R"({"lease_token":"x"})"),
          with("POST", task + "/release", R"({"lease_token":"x"})"),
          with("POST", "/leases", R"({"queues":["q"]})"),
          with("POST", "/leases/settle", R"({"settle":[]})"),
          with("GET", "/queues"),
          with("GET", "/queues/q"),
          with("PUT", "/queues/q", "{}"),
          with("PATCH", "/queues/q", "{}"),
          with("DELETE", "/queues/q"),
          with("POST", "/queues/q/pause"),
          with("POST", "/queues/q/resume"),
          with("POST", "/queues/q/purge", R"({"states":["ready"]})"),
          with("GET", "/queues/q/dead"),
          with("POST", "/queues/q/dead/redrive", R"({"all":true})"),
          with("POST", "/queues/q/dead/discard", R"({"all":true})"),
          with("POST", "/admin/drain"),
          with("DELETE", "/admin/drain"),
          with("POST", "/admin/backups"),
          with("GET", "/admin/backups"),
          with("POST", "/admin/backups/1/verify"),
          with("GET", "/info"),
          with("GET", "/metrics"),
          with("GET", "/admin/doctor")};
}

TEST_CASE("without a token everything but health is 401, and says how to do better") {
  Client client = guarded().client();
  for (const Request& request : all_requests({})) {
    CAPTURE(request.method);
    CAPTURE(request.target);
    const Response response = client.send(request);
    CHECK(refusal(response) == "401 unauthorized");
    CHECK(response.header("WWW-Authenticate").value_or("").starts_with("Bearer"));
  }
  CHECK(refusal(client.get("/no/such/path")) == "401 unauthorized");
  CHECK(client.get("/healthz").status == 200);
  CHECK(client.get("/readyz").status == 200);
  CHECK(client.get("/queues", guarded().as("admin")).json()["queues"].empty());
}

TEST_CASE("ten wrong tokens a minute are told so, then it is 429, and the right one still works") {
  Guarded guarded;
  Client client = guarded.client();
  const Headers wrong = {{"Authorization", "Bearer " + std::string(46, 'x')}};
  for (int i = 0; i < 10; ++i) CHECK(refusal(client.get("/info", wrong)) == "401 unauthorized");
  for (const Request& request : all_requests(wrong)) {
    CAPTURE(request.target);
    const Response response = client.send(request);
    CHECK(refusal(response) == "429 too_many_tries");
    const int seconds = std::stoi(response.header("Retry-After").value_or("0"));
    CHECK(seconds >= 1);
    CHECK(seconds <= 60);
  }
  CHECK(client.get("/info", guarded.as("reader")).status == 200);
  CHECK(refusal(client.get("/info")) == "401 unauthorized");
  CHECK(client.get("/healthz", wrong).status == 200);
}

TEST_CASE("what concerns the server as a whole takes an admin of all queues") {
  Client client = guarded().client();
  for (const char* name : {"producer", "worker", "reader", "own-admin"}) {
    CAPTURE(std::string(name));
    CHECK(refusal(client.send({.method = "POST",
                               .target = "/admin/drain",
                               .headers = guarded().as(name),
                               .body = {}})) == "403 forbidden");
  }
  CHECK(client.get("/readyz").status == 200);
  CHECK(client.del("/admin/drain", guarded().as("own-admin")).status == 403);
  CHECK(client.del("/admin/drain", guarded().as("admin")).status == 204);
}

TEST_CASE("a producer submits, reads and cancels, a worker leases and settles, a reader reads") {
  Client client = guarded().client();
  const Headers producer = guarded().as("producer");
  const Headers worker = guarded().as("worker");
  const Headers reader = guarded().as("reader");
  const std::string queue = fresh_queue();
  const auto submit = [&](const Headers& as) {
    return client.post("/tasks", {{"type", "work"}, {"queue", queue}}, as);
  };
  const auto lease = [&](const Headers& as) {
    return client.post("/leases", {{"queues", {queue}}}, as);
  };
  CHECK(refusal(submit(worker)) == "403 forbidden");
  CHECK(refusal(submit(reader)) == "403 forbidden");
  CHECK(refusal(client.get("/queues/" + queue, reader)) == "404 queue_not_found");
  const std::string id = json_of(submit(producer), 202)["id"];
  CHECK(json_of(client.get("/tasks/" + id, reader), 200)["state"] == "ready");
  CHECK(refusal(client.get("/tasks/" + id, worker)) == "403 forbidden");

  CHECK(refusal(lease(producer)) == "403 forbidden");
  CHECK(refusal(lease(reader)) == "403 forbidden");
  const Json leased = json_of(lease(worker), 200)["tasks"][0];
  const Json done = {{"lease_token", leased["lease"]["token"]}, {"result", 5}};
  CHECK(refusal(client.post("/tasks/" + id + "/complete", done, producer)) == "403 forbidden");
  CHECK(json_of(client.post("/tasks/" + id + "/complete", done, worker), 200)["result"] == 5);

  const std::string other = json_of(submit(producer), 202)["id"];
  CHECK(refusal(client.send({.method = "POST",
                             .target = "/tasks/" + other + "/cancel",
                             .headers = reader,
                             .body = {}})) == "403 forbidden");
  CHECK(json_of(client.send({.method = "POST",
                             .target = "/tasks/" + other + "/cancel",
                             .headers = producer,
                             .body = {}}),
                200)["state"] == "cancelled");
  for (const char* name : {"producer", "worker", "reader"}) {
    CHECK(refusal(client.put("/queues/" + queue, Json::object(), guarded().as(name))) ==
          "403 forbidden");
    CHECK(refusal(client.del("/queues/" + queue, guarded().as(name))) == "403 forbidden");
    CHECK(client.get("/info", guarded().as(name)).status == 200);
  }
  for (const char* name : {"reader", "admin"}) {
    CHECK(client.get("/metrics", guarded().as(name)).status == 200);
  }
  // Metrics tell of all queues.
  for (const char* name : {"producer", "worker", "own-admin"}) {
    CHECK(refusal(client.get("/metrics", guarded().as(name))) == "403 forbidden");
  }
  CHECK(refusal(client.get("/metrics")) == "401 unauthorized");
  CHECK(client.put("/queues/" + queue, Json::object(), guarded().as("admin")).status == 200);
  CHECK(client.del("/queues/" + queue, guarded().as("admin")).status == 204);
}

TEST_CASE("a token for some queues is refused every other that it names") {
  Client client = guarded().client();
  const Headers producer = guarded().as("own-producer");
  const Headers worker = guarded().as("own-worker");
  const Headers admin = guarded().as("own-admin");
  const auto in = [](const char* queue) { return Json{{"type", "work"}, {"queue", queue}}; };
  CHECK(client.post("/tasks", in("own.mail"), producer).status == 202);
  CHECK(refusal(client.post("/tasks", in("other"), producer)) == "403 forbidden");
  CHECK(refusal(client.post("/tasks", {{"type", "work"}}, producer)) == "403 forbidden");
  CHECK(refusal(client.post("/tasks/batch", {{"tasks", {in("own.mail"), in("other")}}},
                            producer)) == "403 forbidden");
  CHECK(client.post("/leases", {{"queues", {"own.mail"}}, {"max_tasks", 0}}, worker).status == 200);
  CHECK(refusal(client.post("/leases", {{"queues", {"own.mail", "other"}}}, worker)) ==
        "403 forbidden");
  CHECK(refusal(client.get("/tasks?queue=other", producer)) == "403 forbidden");
  CHECK(refusal(client.get("/queues/other", producer)) == "403 forbidden");
  CHECK(refusal(client.get("/queues/other/dead", producer)) == "403 forbidden");
  CHECK(client.put("/queues/own.new", Json::object(), admin).status == 200);
  CHECK(refusal(client.put("/queues/other", Json::object(), admin)) == "403 forbidden");
  CHECK(refusal(client.post("/queues/own.new/dead/redrive", {{"all", true}, {"to_queue", "other"}},
                            admin)) == "403 forbidden");
  CHECK(refusal(client.get("/queues/other", guarded().as("admin"))) == "404 queue_not_found");
}

TEST_CASE("a task of a queue that a token is not for is not there for it") {
  Client client = guarded().client();
  const Headers admin = guarded().as("admin");
  const std::string queue = fresh_queue();
  const Json leased = [&] {
    json_of(client.post("/tasks", {{"type", "work"}, {"queue", queue}}, admin), 202);
    return json_of(client.post("/leases", {{"queues", {queue}}}, admin), 200)["tasks"][0];
  }();
  const std::string id = leased["id"];
  const Headers same_id = {{"X-Request-ID", "same"}};
  const auto body_of = [&](const char* role, const char* method, const std::string& target,
                           std::optional<std::string> body) {
    Headers headers = guarded().as(role);
    headers.push_back(same_id[0]);
    Response response = client.send(
        {.method = method, .target = target, .headers = headers, .body = std::move(body)});
    CHECK(refusal(response) == "404 task_not_found");
    return response.body;
  };
  const std::string settle = Json{{"lease_token", leased["lease"]["token"]}}.dump();
  struct Row {
    const char* role;
    const char* method;
    const char* verb;
    std::optional<std::string> body;
  };
  for (const Row& row : std::vector<Row>{{"own-producer", "GET", "", {}},
                                         {"own-reader", "GET", "?wait_ms=60000", {}},
                                         {"own-producer", "POST", "/cancel", {}},
                                         {"own-admin", "POST", "/redrive", {}},
                                         {"own-worker", "POST", "/complete", settle},
                                         {"own-worker", "POST", "/fail", settle},
                                         {"own-worker", "POST", "/heartbeat", settle},
                                         {"own-worker", "POST", "/release", settle}}) {
    CAPTURE(row.verb);
    const std::string foreign = body_of(row.role, row.method, "/tasks/" + id + row.verb, row.body);
    std::string absent = body_of(row.role, row.method, "/tasks/" + some_id + row.verb, row.body);
    absent.replace(absent.find(some_id), some_id.size(), id);
    CHECK(foreign == absent);
  }
  const Json settled = json_of(
      client.post("/leases/settle",
                  {{"settle",
                    {{{"op", "complete"}, {"id", id}, {"lease_token", leased["lease"]["token"]}}}}},
                  guarded().as("own-worker")),
      200);
  CHECK(settled["settled"][0]["problem"]["code"] == "task_not_found");
  CHECK(json_of(client.get("/tasks/" + id, admin), 200)["state"] == "running");
}

TEST_CASE("lists leave out what a token is not for") {
  Client client = guarded().client();
  const Headers admin = guarded().as("admin");
  const std::string operation = fresh_queue();
  const auto submit = [&](const std::string& queue) {
    return json_of(client.post("/tasks",
                               {{"type", "work"}, {"queue", queue}, {"correlation_id", operation}},
                               admin),
                   202)["id"]
        .get<std::string>();
  };
  const std::string own = submit("own.list");
  submit("other-list");
  const auto listed = [&](const char* name) {
    return ids_of(json_of(client.get("/tasks?correlation_id=" + operation, guarded().as(name)),
                          200)["tasks"]);
  };
  CHECK(listed("admin").size() == 2);
  CHECK(listed("own-reader") == std::vector{own});
  CHECK(listed("own-producer") == std::vector{own});
  const Json queues = json_of(client.get("/queues", guarded().as("own-reader")), 200)["queues"];
  CHECK_FALSE(queues.empty());
  for (const Json& queue : queues) {
    CHECK(queue["name"].get<std::string>().starts_with("own."));
  }
}

TEST_CASE("SIGHUP reads the tokens anew; a file that is not right changes nothing") {
  Guarded guarded;
  Client client = guarded.client();
  guarded.add("late", {"--role", "reader"});
  guarded.reload("the new token works",
                 [&] { return client.get("/info", guarded.as("late")).status == 200; });

  std::ofstream(guarded.tokens_file(), std::ios::app) << "broken line\n";
  guarded.reload("the refusal is in the log", [&] {
    return guarded.server().log().find("line 10: a token is: name role") != std::string::npos;
  });
  CHECK(client.get("/info", guarded.as("late")).status == 200);

  // All but the admin are gone.
  std::string line;
  std::string kept;
  for (std::ifstream file(guarded.tokens_file()); std::getline(file, line);) {
    if (line.starts_with("admin ")) kept = line + "\n";
  }
  std::ofstream(guarded.tokens_file()) << kept;
  guarded.reload("the old token is gone",
                 [&] { return client.get("/info", guarded.as("late")).status == 401; });
  CHECK(client.get("/info", guarded.as("admin")).status == 200);
}

TEST_CASE("a worker that waits gets nothing any more once its token is withdrawn") {
  Guarded guarded;
  Client client = guarded.client();
  // Behind another request on the same connection: with the answer to that, the lease is under way.
  Connection parked(guarded.server().port());
  const std::string first =
      to_bytes({.target = "/healthz", .headers = {}, .body = {}}, guarded.server().port());
  const std::string second = to_bytes({.method = "POST",
                                       .target = "/leases",
                                       .headers = guarded.as("worker"),
                                       .body = R"({"queues":["q"],"wait_ms":60000})"},
                                      guarded.server().port());
  parked.send(first + second);
  REQUIRE(parked.receive().status == 200);
  std::string line;
  std::string kept;
  for (std::ifstream file(guarded.tokens_file()); std::getline(file, line);) {
    if (!line.starts_with("worker ")) kept += line + "\n";
  }
  std::ofstream(guarded.tokens_file()) << kept;
  guarded.reload("the token is gone",
                 [&] { return client.get("/info", guarded.as("worker")).status != 200; });
  REQUIRE_FALSE(parked.readable());
  const std::string id = json_of(
      client.post("/tasks", {{"type", "work"}, {"queue", "q"}}, guarded.as("producer")), 202)["id"];
  CHECK(refusal(parked.receive()) == "401 unauthorized");
  const Json task = eventually(
      "the task is ready again",
      [&] { return client.get("/tasks/" + id, guarded.as("reader")).json(); },
      [](const Json& seen) { return seen["state"] == "ready"; });
  CHECK(task["attempts"] == 0);
}

TEST_CASE("a token file that is not right refuses to start, and says what is wrong") {
  const TempDir folder;
  const std::string tokens = folder.path() / "tokens";
  const auto refused_start = [&] {
    const Finished finished = run_to_end({"--listen", "127.0.0.1:0", "--data",
                                          (folder.path() / "data").string(), "--tokens", tokens});
    CHECK(finished.status != 0);
    CHECK(finished.status < 128);
    CHECK(finished.output.empty());
    return finished.errors;
  };
  CHECK(refused_start().find(tokens) != std::string::npos);
  const std::string token = new_token(tokens, {"--name", "a", "--role", "admin"});
  ::chmod(tokens.c_str(), 0644);
  CHECK(refused_start().find("chmod 600") != std::string::npos);
  ::chmod(tokens.c_str(), 0600);
  std::ofstream(tokens, std::ios::app) << "# fine\nb admin " << token << "\n";
  const std::string errors = refused_start();
  CHECK(errors.find("line 3") != std::string::npos);
  CHECK(errors.find("sha256:") != std::string::npos);
  CHECK(errors.find(token) == std::string::npos);
  CHECK_FALSE(std::filesystem::exists(folder.path() / "data"));
}

TEST_CASE("what the server stores is for its own user alone") {
  const TempDir folder;
  const auto data = folder.path() / "data";
  const auto others = [](const std::filesystem::path& path) {
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & (S_IRWXG | S_IRWXO);
  };
  Server server({.data = data, .port = 0, .flags = {}, .environment = {}});
  CHECK(Client(server.port()).post("/tasks", {{"type", "work"}}).status == 202);
  CHECK(others(data) == 0);
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(data)) {
    CAPTURE(entry.path().string());
    CHECK(others(entry.path()) == 0);
    ++count;
  }
  CHECK(count > 3);
}

TEST_CASE("no secret is in the log, an error, a list or what the server says of itself") {
  Guarded guarded({"--log-level=debug"});
  Client client = guarded.client();
  const Headers admin = guarded.as("admin");
  const std::string wrong = std::string(46, 'w');
  const std::string payload = "payload-that-nobody-logs";
  std::string seen;
  const auto note = [&](const Response& response) {
    seen += response.body;
    for (const Header& header : response.headers) seen += header.value;
  };
  note(client.get("/info", {{"Authorization", "Bearer " + wrong}}));
  note(client.get("/info", admin));
  const Response submitted =
      client.post("/tasks", {{"type", "work"}, {"queue", "q"}, {"payload", payload}}, admin);
  note(submitted);
  const Json leased = json_of(client.post("/leases", {{"queues", {"q"}}}, admin), 200)["tasks"][0];
  const std::string lease_token = leased["lease"]["token"];
  note(client.get("/tasks?queue=q", admin));
  note(client.get("/tasks/" + leased["id"].get<std::string>(), admin));
  note(client.get("/queues", admin));
  CHECK(seen.find(lease_token) == std::string::npos);
  note(client.post("/tasks/" + leased["id"].get<std::string>() + "/complete",
                   {{"lease_token", lease_token + "x"}}, admin));
  CHECK(guarded.server().terminate() == 0);
  const std::string log = guarded.server().log();
  CHECK(log.find("token=admin") != std::string::npos);
  for (const std::string& secret : {guarded.token("admin"), wrong, lease_token, payload}) {
    CHECK(log.find(secret) == std::string::npos);
    if (secret != payload) CHECK(seen.find(secret) == std::string::npos);
  }
}

}  // namespace
}  // namespace quern::test
