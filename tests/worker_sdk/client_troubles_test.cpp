// Client through a network that makes trouble, in front of the real server.
#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <set>
#include <thread>

#include "api_error.h"
#include "quern/quern.h"
#include "troubled_setting.h"

using namespace std::chrono_literals;
using quern::Client;
using quern::ErrorCode;
using quern::Task;
using quern::test::error_of;
using quern::test::eventually;
using quern::test::every_trouble;
using quern::test::name_of;
using quern::test::Trouble;
using quern::test::TroubledSetting;
using Kind = quern::test::Trouble::Kind;

namespace {

struct Setting : TroubledSetting {
  // Gives up soon on an answer, but not on the call.
  Client client(quern::Duration retry_for = 60s) const {
    return Client({.server = proxy.url(), .timeout = 300ms, .retry_for = retry_for});
  }
  // The payloads of all tasks of the queue, each as often as there are tasks with it.
  std::multiset<std::string> payloads(const std::string& queue) {
    std::multiset<std::string> found;
    quern::TaskQuery query{.queue = queue};
    query.page.limit = 1000;
    do {
      const quern::Page<Task> page = direct.list(query);
      for (const Task& task : page.items) found.insert(direct.get(task.id).payload);
      query.page.cursor = page.next_cursor;
    } while (!query.page.cursor.empty());
    return found;
  }
};

}  // namespace

TEST_CASE("a submit during any trouble creates one task once the trouble ends") {
  Setting setting;
  Client client = setting.client();
  std::multiset<std::string> expected;
  for (const Trouble& trouble : every_trouble) {
    CAPTURE(name_of(trouble));
    const std::size_t before = setting.proxy.struck();
    const std::string payload = std::to_string(expected.size());
    setting.proxy.make(trouble);
    auto submitted = std::async(std::launch::async, [&] {
      return client.submit({.queue = "q", .type = "t", .payload = payload});
    });
    setting.await_strikes(before + 2);
    setting.proxy.end_trouble();
    const Task task = submitted.get();
    expected.insert(payload);
    CHECK(setting.direct.get(task.id).payload == payload);
    CHECK_FALSE(task.replayed);
  }
  CHECK(setting.payloads("q") == expected);
}

TEST_CASE("a batch during any trouble is stored whole and once") {
  Setting setting;
  Client client = setting.client();
  std::size_t expected = 0;
  for (const Trouble& trouble : every_trouble) {
    CAPTURE(name_of(trouble));
    const std::size_t before = setting.proxy.struck();
    setting.proxy.make(trouble);
    auto submitted = std::async(std::launch::async, [&] {
      return client.submit_batch({{.queue = "q", .type = "t"}, {.queue = "q", .type = "t"}});
    });
    setting.await_strikes(before + 2);
    setting.proxy.end_trouble();
    CHECK(submitted.get().size() == 2);
    expected += 2;
    CHECK(setting.direct.queue("q").counts.ready == expected);
  }
}

TEST_CASE("many threads submit through changing troubles, and nothing is lost or doubled") {
  Setting setting;
  Client client = setting.client();
  setting.direct.queue_set("q", {});
  std::atomic<int> next = 0;
  std::vector<std::jthread> producers;
  for (int thread = 0; thread < 6; ++thread) {
    producers.emplace_back([&](std::stop_token stop) {
      while (!stop.stop_requested()) {
        client.submit({.queue = "q", .type = "t", .payload = std::to_string(next++)});
      }
    });
  }
  for (const Trouble& trouble : every_trouble) {
    CAPTURE(name_of(trouble));
    const std::size_t before = setting.proxy.struck();
    setting.proxy.make(trouble);
    setting.await_strikes(before + 4);
    setting.proxy.end_trouble();
    const std::size_t tasks = setting.direct.queue("q").counts.ready;
    eventually(
        "submits get through again", [&] { return setting.direct.queue("q").counts.ready; },
        [&](std::size_t ready) { return ready > tasks + 6; });
  }
  producers.clear();
  std::multiset<std::string> expected;
  for (int i = 0; i < next; ++i) expected.insert(std::to_string(i));
  CHECK(setting.payloads("q") == expected);
}

TEST_CASE("trouble that does not end is `unreachable`, after repeats for as long as was asked") {
  Setting setting;
  const Task task = setting.direct.submit({.queue = "q", .type = "t"});
  for (const Trouble& trouble : every_trouble) {
    CAPTURE(name_of(trouble));
    setting.proxy.make(trouble);
    const std::size_t before = setting.proxy.struck();
    Client once = setting.client(0ms);
    const quern::ApiError error = error_of([&] { once.get(task.id); });
    CHECK(error.code() == ErrorCode::unreachable);
    CHECK(error.detail().find(setting.proxy.url()) != std::string::npos);
    CHECK(setting.proxy.struck() == before + 1);

    Client patient = setting.client(1s);
    const auto begin = std::chrono::steady_clock::now();
    CHECK(error_of([&] { patient.get(task.id); }).code() == ErrorCode::unreachable);
    CHECK(setting.proxy.struck() >= before + 3);
    // One pause and one attempt may go beyond it. The rest is for a busy machine.
    CHECK(std::chrono::steady_clock::now() - begin < 10s);
  }
}

TEST_CASE("an answer that is cut anywhere is never taken for one") {
  Setting setting;
  const Task task = setting.direct.submit({.queue = "q", .type = "t", .payload = "[1, 2, 3]"});
  Client client = setting.client(0ms);
  std::size_t cut = 0;
  for (;; cut += 7) {
    CAPTURE(cut);
    setting.proxy.make({.kind = Kind::cut_answer, .answer_bytes = cut});
    const std::size_t before = setting.proxy.struck();
    std::string payload;
    try {
      payload = client.get(task.id).payload;
    } catch (const quern::ApiError& error) {
      REQUIRE(error.code() == ErrorCode::unreachable);
      continue;
    }
    CHECK(payload == "[1, 2, 3]");
    CHECK(setting.proxy.struck() == before);  // all of it got through
    break;
  }
  CHECK(cut > 400);
}

TEST_CASE("what is not safe to repeat is tried once when its answer is lost") {
  Setting setting;
  Client client = setting.client();
  for (const Kind kind : {Kind::cut_answer, Kind::reset_answer, Kind::swallow_answer}) {
    CAPTURE(to_string(kind));
    const Task task = setting.direct.submit({.queue = "q", .type = "t"});
    setting.proxy.make(kind);
    const std::size_t before = setting.proxy.struck();
    CHECK(error_of([&] { client.cancel(task.id); }).code() == ErrorCode::unreachable);
    CHECK(setting.proxy.struck() == before + 1);
    CHECK(setting.direct.get(task.id).state == quern::TaskState::cancelled);
  }
}

TEST_CASE("slow answers are waited for, as long as the time-out says") {
  Setting setting;
  const Task task = setting.direct.submit({.queue = "q", .type = "t"});
  Client hasty({.server = setting.proxy.url(), .timeout = 100ms, .retry_for = 0ms});
  Client calm({.server = setting.proxy.url(), .timeout = 60s, .retry_for = 0ms});
  setting.proxy.make({.delay = 300ms});
  CHECK(error_of([&] { hasty.get(task.id); }).detail().find("in time") != std::string::npos);
  CHECK(calm.get(task.id).id == task.id);
}

TEST_CASE("a large answer may take longer than the time-out while it keeps coming") {
  Setting setting;
  const std::string payload = '"' + std::string(1'000'000, 'x') + '"';
  const Task task = setting.direct.submit({.queue = "q", .type = "t", .payload = payload});
  Client client({.server = setting.proxy.url(), .timeout = 1s, .retry_for = 0ms});
  setting.proxy.make({.delay = 200ms});  // of every piece
  CHECK(client.get(task.id).payload == payload);
}

TEST_CASE("a watch goes on after any trouble") {
  Setting setting;
  setting.direct.submit({.queue = "q", .type = "t"});
  Client client = setting.client();
  std::atomic<std::uint64_t> seen = 0;
  std::jthread watcher([&](std::stop_token stop) {
    client.watch("q",
                 [&](const quern::Queue& queue) {
                   seen = queue.counts.ready;
                   return true;
                 },
                 stop, {.interval = 10ms});
  });
  std::uint64_t submitted = 1;
  for (const Trouble& trouble : every_trouble) {
    CAPTURE(name_of(trouble));
    const std::size_t before = setting.proxy.struck();
    setting.proxy.make(trouble);
    setting.await_strikes(before + 1);
    setting.proxy.end_trouble();
    setting.direct.submit({.queue = "q", .type = "t"});
    ++submitted;
    eventually(
        "the watch sees it", [&] { return seen.load(); },
        [&](std::uint64_t ready) { return ready == submitted; });
  }
}
