#include <doctest/doctest.h>
#include <sys/resource.h>

#include <atomic>
#include <functional>
#include <latch>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "api_error.h"
#include "fake_server.h"
#include "quern/quern.h"

using namespace quern;
using namespace quern::test;
using namespace std::chrono_literals;
using Manner = FakeAnswer::Manner;

namespace {

const std::string id = "019a9f3c-0000-7000-8000-000000000001";

std::string task_text(const std::string& state = "ready", const std::string& task_id = id) {
  return R"({"id": ")" + task_id + R"(", "queue": "default", "type": "t", "state": ")" + state +
         R"(", "attempts": 1, "lease": {"token": "secret", "worker_id": "w",
             "expires_at": "2026-11-23T09:10:00.123Z"}, "from_the_future": [1, {"a": null}]})";
}

ClientOptions options_for(const FakeServer& server) {
  return {.server = server.url(), .timeout = 5s, .retry_for = 5s};
}

}  // namespace

TEST_CASE("a submit is repeated under the same idempotency key when its answer is lost") {
  std::atomic<int> calls = 0;
  FakeServer server([&](const FakeRequest&) -> FakeAnswer {
    switch (++calls) {
      case 1:
        return {.manner = Manner::hang_up};
      case 2:
        return {.body = task_text(), .manner = Manner::answer_half};
      default:
        return {
            .status = 202, .body = task_text(), .extra_headers = "Idempotency-Replayed: true\r\n"};
    }
  });
  Client client(options_for(server));
  const Task task = client.submit({.type = "t", .payload = R"({"big": 1e400})"});
  CHECK(task.id == id);
  CHECK_FALSE(task.replayed);  // it was our own repeat
  const auto requests = server.requests();
  REQUIRE(requests.size() == 3);
  CHECK(requests[0].body == requests[2].body);
  CHECK(requests[0].body.find(R"("payload":{"big": 1e400})") != std::string::npos);
  CHECK(requests[0].body.find("idempotency_key") != std::string::npos);
}

TEST_CASE("a submit under the caller's own key says whether the task was there already") {
  FakeServer server([&](const FakeRequest&) -> FakeAnswer {
    return {.status = 202, .body = task_text(), .extra_headers = "Idempotency-Replayed: true\r\n"};
  });
  Client client(options_for(server));
  CHECK(client.submit({.type = "t", .idempotency_key = "mine"}).replayed);
}

TEST_CASE("a payload that is not one JSON value never leaves the process") {
  FakeServer server([](const FakeRequest&) { return FakeAnswer{}; });
  Client client(options_for(server));
  for (const char* payload : {"", "{", R"(1, "queue": "other")", "nul", "\"\xff\""}) {
    CAPTURE(payload);
    const ApiError error = error_of([&] { client.submit({.type = "t", .payload = payload}); });
    CHECK(error.code() == ErrorCode::invalid_argument);
    CHECK(error.fields().at(0).pointer == "/payload");
  }
  const ApiError error = error_of([&] {
    client.submit_batch({{.type = "t"}, {.type = "t", .payload = "oops"}});
  });
  CHECK(error.fields().at(0).pointer == "/tasks/1/payload");
  CHECK(server.requests().empty());
}

TEST_CASE("a problem becomes an ApiError with its code, detail and fields") {
  FakeServer server([](const FakeRequest&) -> FakeAnswer {
    return {.status = 400,
            .body = R"({"type": "/problems/invalid-argument", "title": "T", "status": 400,
                        "detail": "/priority must be 0..9", "code": "invalid_argument",
                        "errors": [{"pointer": "/priority", "detail": "must be 0..9"}]})",
            .content_type = "application/problem+json; charset=utf-8"};
  });
  Client client(options_for(server));
  const ApiError error = error_of([&] { client.submit({.type = "t", .priority = 10}); });
  CHECK(error.code() == ErrorCode::invalid_argument);
  CHECK(std::string(error.what()) == "invalid_argument: /priority must be 0..9");
  REQUIRE(error.fields().size() == 1);
  CHECK(error.fields()[0].pointer == "/priority");
  CHECK(server.requests().size() == 1);  // not repeated
}

TEST_CASE("a problem code that this version does not know is told by its status") {
  FakeServer server([](const FakeRequest&) { return problem(409, "on_holiday"); });
  Client client(options_for(server));
  const ApiError error = error_of([&] { client.get(id); });
  CHECK(error.code() == ErrorCode::task_finished);
  CHECK(error.detail() == "on_holiday: because");
}

TEST_CASE("a busy server is asked again") {
  std::atomic<int> calls = 0;
  FakeServer server([&](const FakeRequest&) -> FakeAnswer {
    if (++calls < 3) return problem(503, "overloaded");
    return {.body = task_text("succeeded")};
  });
  Client client(options_for(server));
  CHECK(client.get(id).state == TaskState::succeeded);
  CHECK(calls == 3);
}

TEST_CASE("what is not safe to repeat is not repeated after a lost answer") {
  std::atomic<int> calls = 0;
  FakeServer server([&](const FakeRequest&) -> FakeAnswer {
    ++calls;
    return {.manner = Manner::hang_up};
  });
  Client client(options_for(server));
  CHECK(error_of([&] { client.redrive(id); }).code() == ErrorCode::unreachable);
  CHECK(error_of([&] { client.dead_redrive("q", {.all = true}); }).code() ==
        ErrorCode::unreachable);
  CHECK(calls == 2);
}

TEST_CASE("a server that accepts and never answers is given up on in time") {
  FakeServer server([](const FakeRequest&) { return FakeAnswer{.manner = Manner::stay_silent}; });
  Client client({.server = server.url(), .timeout = 100ms, .retry_for = 0ms});
  const ApiError error = error_of([&] { client.get(id); });
  CHECK(error.code() == ErrorCode::unreachable);
  CHECK(error.detail().find("no answer in time") != std::string::npos);
}

TEST_CASE("no server at all is unreachable, with the address in the message") {
  FakeServer server([](const FakeRequest&) { return FakeAnswer{}; });
  const std::string url = server.url();
  server.stop();
  Client client({.server = url, .retry_for = 0ms});
  const ApiError error = error_of([&] { client.get(id); });
  CHECK(error.code() == ErrorCode::unreachable);
  CHECK(error.detail().find(url) != std::string::npos);
}

TEST_CASE("a process that may open no more descriptors gets an ApiError") {
  Client client({.server = "http://127.0.0.1:1", .retry_for = 0ms});
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit none = before;
  none.rlim_cur = 0;  // what is open stays so
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  std::string detail;
  std::optional<ErrorCode> code;
  try {
    client.get(id);
  } catch (const ApiError& error) {
    code = error.code();
    detail = error.detail();
  } catch (...) {
    detail = "not an ApiError";
  }
  ::setrlimit(RLIMIT_NOFILE, &before);
  CHECK(code == ErrorCode::unreachable);
  CHECK(detail.find("Too many open files") != std::string::npos);
}

TEST_CASE("something that is no Quern server is recognised") {
  for (const FakeAnswer& answer :
       {FakeAnswer{.status = 404, .body = "<html>", .content_type = "text/html"},
        FakeAnswer{.body = "<html>", .content_type = "text/html"}, FakeAnswer{.body = "{}"},
        FakeAnswer{.body = "[]"}, FakeAnswer{.body = task_text() + "x"},
        FakeAnswer{.body = R"({"id": ")" + id + "\"}"}, FakeAnswer{.body = task_text("paid")}}) {
    CAPTURE(answer.body);
    FakeServer server([&](const FakeRequest&) { return answer; });
    Client client(options_for(server));
    CHECK(error_of([&] { client.get(id); }).code() == ErrorCode::bad_response);
    CHECK(error_of([&] { client.metrics(); }).code() == ErrorCode::bad_response);
  }
}

TEST_CASE("calls one after the other share a connection, and survive its end") {
  std::atomic<int> calls = 0;
  FakeServer server([&](const FakeRequest&) -> FakeAnswer {
    return {.body = task_text(),
            .manner = ++calls == 2 ? Manner::answer_and_close : Manner::answer};
  });
  Client client({.server = server.url(), .retry_for = 5s});
  for (int i = 0; i < 4; ++i) client.get(id);
  const auto requests = server.requests();
  CHECK(requests[1].connection == requests[0].connection);
  CHECK(requests[3].connection != requests[0].connection);
  CHECK(requests.back().headers.find("Host: 127.0.0.1:") != std::string::npos);
}

TEST_CASE("many threads share one client through lost connections, each with its own answers") {
  constexpr int threads_count = 8;
  constexpr int calls_each = 50;
  std::atomic<int> calls = 0;
  FakeServer server([&](const FakeRequest& request) -> FakeAnswer {
    if (++calls % 10 == 0) return {.manner = Manner::hang_up};
    return {.body = task_text("ready", request.target.substr(std::string("/tasks/").size()))};
  });
  Client client({.server = server.url(), .retry_for = 60s});
  std::atomic<int> right = 0;
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < threads_count; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < calls_each; ++i) {
        const std::string task_id = std::to_string(thread * calls_each + i);
        if (client.get(task_id).id == task_id) ++right;
      }
    });
  }
  threads.clear();
  CHECK(right == threads_count * calls_each);
}

TEST_CASE("the token is sent, and ids and names cannot leave their place in the path") {
  FakeServer server([](const FakeRequest&) { return FakeAnswer{.body = task_text()}; });
  ClientOptions options = options_for(server);
  options.token = "t0ken";
  Client client(options);
  client.get("../queues?x=1 #");
  const FakeRequest request = server.requests().at(0);
  CHECK(request.target == "/tasks/..%2Fqueues%3Fx%3D1%20%23");
  CHECK(request.headers.find("Authorization: Bearer t0ken\r\n") != std::string::npos);
}

TEST_CASE("a name that would be another path is refused before anything is sent") {
  FakeServer server([](const FakeRequest&) { return FakeAnswer{}; });
  Client client(options_for(server));
  for (const char* name : {"", ".", ".."}) {
    CAPTURE(name);
    const std::vector<std::function<void()>> of_queues = {
        [&] { client.queue(name); },
        [&] { client.queue_set(name, {}); },
        [&] { client.queue_patch(name, "{}"); },
        [&] { client.queue_pause(name); },
        [&] { client.queue_resume(name); },
        [&] { client.queue_purge(name, {TaskState::ready}); },
        [&] { client.queue_delete(name, true); },
        [&] { client.dead_list(name); },
        [&] { client.dead_redrive(name, {.all = true}); },
        [&] { client.dead_discard(name, {.all = true}); },
        [&] { client.watch(name, [](const Queue&) { return false; }); },
    };
    for (const auto& call : of_queues) {
      const ApiError error = error_of(call);
      CHECK(error.code() == ErrorCode::invalid_argument);
      CHECK(error.fields().at(0).pointer == "/name");
    }
    Task leased{.id = name};
    leased.lease.emplace();
    const std::vector<std::function<void()>> of_tasks = {
        [&] { client.get(name); },        [&] { client.wait(name, 1s); },
        [&] { client.cancel(name); },     [&] { client.redrive(name); },
        [&] { client.complete(leased); }, [&] { client.fail(leased, {}); },
        [&] { client.release(leased); },  [&] { client.heartbeat(leased); },
    };
    for (const auto& call : of_tasks) {
      const ApiError error = error_of(call);
      CHECK(error.code() == ErrorCode::invalid_argument);
      CHECK(error.fields().at(0).pointer == "/id");
    }
  }
  CHECK(server.requests().empty());
}

TEST_CASE("Retry-After is honoured: the next try is not sooner") {
  std::mutex mutex;
  std::vector<std::chrono::steady_clock::time_point> tries;
  FakeServer server([&](const FakeRequest&) {
    const std::lock_guard lock(mutex);
    tries.push_back(std::chrono::steady_clock::now());
    if (tries.size() > 1) return FakeAnswer{.body = task_text()};
    FakeAnswer answer = problem(503, "overloaded");
    answer.extra_headers = "Retry-After: 1\r\n";
    return answer;
  });
  Client client(options_for(server));
  CHECK(client.get(id).id == id);
  const std::lock_guard lock(mutex);
  REQUIRE(tries.size() == 2);
  CHECK(tries[1] - tries[0] >= 1s);
}

TEST_CASE("a stopped lease call still brings what the server had already leased") {
  FakeServer server([](const FakeRequest&) -> FakeAnswer {
    return {.body = R"({"tasks": [)" + task_text("running") + R"(], "settled": []})",
            .manner = Manner::after_half_close};
  });
  Client client(options_for(server));
  std::stop_source stop;
  std::jthread stopper([&] {
    while (server.requests().empty()) std::this_thread::yield();
    stop.request_stop();
  });
  const LeaseAnswer answer = client.lease({.queues = {"q"}, .wait = 60s}, stop.get_token());
  REQUIRE(answer.tasks.size() == 1);
  CHECK(answer.tasks[0].lease->token == "secret");
}

TEST_CASE("wait returns the task as it stands when the time is over") {
  FakeServer server([](const FakeRequest&) { return FakeAnswer{.body = task_text("running")}; });
  Client client(options_for(server));
  CHECK(client.wait(id, 0ms).state == TaskState::running);
  CHECK(server.requests().at(0).target == "/tasks/" + id + "?wait_ms=0");
}

TEST_CASE("wait ends in time when the server is away or silent") {
  FakeServer server([](const FakeRequest&) { return FakeAnswer{.manner = Manner::stay_silent}; });
  Client client({.server = server.url(), .timeout = 30s, .retry_for = 30s});
  const auto start = std::chrono::steady_clock::now();
  CHECK(error_of([&] { client.wait(id, 100ms); }).code() == ErrorCode::unreachable);
  server.stop();
  CHECK(error_of([&] { client.wait(id, 500ms); }).code() == ErrorCode::unreachable);
  CHECK(std::chrono::steady_clock::now() - start < 10s);
}

TEST_CASE("wait goes on after a lost answer, for the time that is left") {
  std::atomic<int> calls = 0;
  FakeServer server([&](const FakeRequest&) -> FakeAnswer {
    if (++calls == 1) return {.manner = Manner::hang_up};
    return {.body = task_text("succeeded")};
  });
  Client client(options_for(server));
  CHECK(client.wait(id, 5s).state == TaskState::succeeded);
  const auto requests = server.requests();
  REQUIRE(requests.size() == 2);
  const auto wait_ms = [](const FakeRequest& request) {
    return std::stoi(request.target.substr(request.target.find('=') + 1));
  };
  CHECK(wait_ms(requests[1]) <= wait_ms(requests[0]) - 50);  // the least pause in between
}

TEST_CASE("an https URL speaks TLS") {
  FakeServer server([](const FakeRequest&) { return FakeAnswer{}; });
  Client client({.server = "https://127.0.0.1:" + std::to_string(server.port()),
                 .connect_timeout = 200ms,
                 .retry_for = 0ms});
  CHECK(error_of([&] { client.get(id); }).code() == ErrorCode::unreachable);
  CHECK(server.requests().empty());
}

TEST_CASE("a URL that cannot be right is refused at once") {
  for (const char* url :
       {"", "127.0.0.1:7480", "ftp://host", "http://", "http://host:0", "http://host:99999",
        "http://host/path", "http://::1:80", "http://[::1"}) {
    CAPTURE(url);
    CHECK(error_of([&] { Client client({.server = url}); }).code() == ErrorCode::invalid_argument);
  }
  for (const char* url :
       {"http://host", "http://host:1/", "https://[::1]:7480", "http://a.b:65535"}) {
    CAPTURE(url);
    CHECK_NOTHROW(Client({.server = url}));
  }
}

TEST_CASE("what does not speak HTTP is told apart from a server that is away") {
  FakeServer server([](const FakeRequest&) {
    return FakeAnswer{.body = "SSH-2.0-OpenSSH_9.2\r\n", .manner = Manner::raw};
  });
  Client client(options_for(server));
  CHECK(error_of([&] { client.get(id); }).code() == ErrorCode::bad_response);
  CHECK(server.requests().size() == 1);  // not repeated
}

TEST_CASE("a proxy that cannot reach the server is asked again") {
  std::atomic<int> calls = 0;
  FakeServer server([&](const FakeRequest&) -> FakeAnswer {
    if (++calls == 1) return {.status = 502, .body = "<html>", .content_type = "text/html"};
    return {.body = task_text()};
  });
  Client client(options_for(server));
  CHECK(client.get(id).id == id);
  CHECK(calls == 2);
}

TEST_CASE("Retry-After is honoured: one beyond the patience of the caller ends the call at once") {
  FakeServer server([](const FakeRequest&) {
    FakeAnswer answer = problem(503, "overloaded");
    answer.extra_headers = "Retry-After: 3600\r\n";
    return answer;
  });
  Client client(options_for(server));
  const ApiError error = error_of([&] { client.get(id); });
  CHECK(error.code() == ErrorCode::overloaded);
  CHECK(error.retry_after() == 3600s);
  CHECK(server.requests().size() == 1);
}

TEST_CASE("options that cannot be meant are refused, and for ever is a time") {
  CHECK(error_of([] { Client client({.token = "secret\n"}); }).code() ==
        ErrorCode::invalid_argument);
  CHECK(error_of([] { Client client({.timeout = -1ms}); }).code() == ErrorCode::invalid_argument);
  FakeServer server([](const FakeRequest&) { return FakeAnswer{.body = task_text("succeeded")}; });
  Client client({.server = server.url(),
                 .connect_timeout = Duration::max(),
                 .timeout = Duration::max(),
                 .retry_for = Duration::max(),
                 .connections_idle_max = 0});
  CHECK(client.wait(id, Duration::max()).state == TaskState::succeeded);
}

TEST_CASE("a watch whose interval has no end looks once") {
  FakeServer server([](const FakeRequest&) -> FakeAnswer { return {.body = R"({"name": "q"})"}; });
  Client client(options_for(server));
  {
    std::latch seen(1);
    std::jthread watcher([&](std::stop_token stop) {
      client.watch("q",
                   [&](const Queue&) {
                     seen.count_down();
                     return true;
                   },
                   stop, {.interval = Duration::max()});
    });
    seen.wait();
    std::this_thread::sleep_for(100ms);
  }
  CHECK(server.requests().size() == 1);
}
