// The checker is worth what it finds: a history that is as it should be, and one for each thing
// that can be wrong.
#include "checker.h"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

namespace quern::crash {
namespace {

constexpr std::int64_t second = 1'000'000;

struct History {
  std::vector<Call> calls;
  Found found;
};

Call made(Op op, std::int64_t at, Verdict verdict) {
  Call call;
  call.client = 1;
  call.op = op;
  call.invoked_at = at;
  call.answered_at = at + 1000;
  call.verdict = verdict;
  return call;
}

Call submitted(std::vector<TaskSent> sent, std::vector<std::string> ids,
               Verdict verdict = Verdict::done) {
  Call call = made(sent.size() > 1 ? Op::batch : Op::submit, 1 * second, verdict);
  call.sent = std::move(sent);
  call.ids = std::move(ids);
  return call;
}

Call leased(const std::string& id, const std::string& token, std::int64_t at,
            std::int64_t attempts) {
  Call call = made(Op::lease, at, Verdict::done);
  call.given = {{.id = id,
                 .token = token,
                 .payload = "payload of " + id,
                 .attempts = attempts,
                 .max_attempts = 5,
                 .run_at = 1 * second,
                 .granted_at = at,
                 .expires_at = at + second}};
  return call;
}

Call settled(Op op, const std::string& id, const std::string& token, std::int64_t at,
             const std::string& state, const std::string& result = "") {
  Call call = made(op, at, Verdict::done);
  call.id = id;
  call.token = token;
  call.state = state;
  call.result = result;
  return call;
}

TaskFound found(const std::string& id, const std::string& state) {
  return {.id = id,
          .queue = "q",
          .state = state,
          .payload = "payload of " + id,
          .result = state == "succeeded" ? "result of " + id : "",
          .key = "",
          .dead_reason = state == "dead" ? "not_retryable" : "",
          .attempts = 1,
          .max_attempts = 5,
          .created_at = 1 * second,
          .started_at = 2 * second,
          .finished_at = 3 * second};
}

// a: leased twice, since its first lease ran out, and completed. b: died. c: cancelled. d and e:
// one batch, of which nobody knows how it went, and which is there. f: nobody knows either, and it
// is not.
History sound() {
  History history;
  const auto sent = [](const std::string& id) { return TaskSent{"q", "payload of " + id, ""}; };
  history.calls = {submitted({sent("a")}, {"a"}),
                   submitted({sent("b")}, {"b"}),
                   submitted({sent("c")}, {"c"}),
                   submitted({sent("d"), sent("e")}, {}, Verdict::unknown),
                   submitted({sent("f")}, {}, Verdict::unknown),
                   submitted({sent("g")}, {}, Verdict::refused),
                   leased("a", "a1", 2 * second, 1),
                   leased("a", "a2", 3 * second + 5000, 2),
                   settled(Op::complete, "a", "a2", 3 * second + 9000, "succeeded", "result of a"),
                   leased("b", "b1", 2 * second, 1),
                   settled(Op::fail, "b", "b1", 2 * second + 5000, "dead"),
                   settled(Op::cancel, "c", "", 2 * second, "cancelled")};
  for (const char* id : {"d", "e"}) {
    history.calls.push_back(leased(id, std::string(id) + "1", 2 * second, 1));
    history.calls.push_back(settled(Op::complete, id, std::string(id) + "1", 2 * second + 5000,
                                    "succeeded", "result of " + std::string(id)));
  }
  history.found.tasks = {found("a", "succeeded"), found("b", "dead"), found("c", "cancelled"),
                         found("d", "succeeded"), found("e", "succeeded")};
  history.found.tasks[0].attempts = 2;
  history.found.queues["q"] = {
      .counts = {{"succeeded", 3}, {"dead", 1}, {"cancelled", 1}, {"ready", 0}}, .dead = {"b"}};
  return history;
}

constexpr std::size_t lease_a1 = 6;
constexpr std::size_t lease_a2 = 7;
constexpr std::size_t complete_a = 8;

std::vector<std::string> check(const History& history) {
  return violations(history.calls, history.found);
}

TEST_CASE("a history that is as it should be has no violations") {
  const std::vector<std::string> wrong = check(sound());
  CAPTURE(wrong.size());
  for (const std::string& line : wrong) FAIL_CHECK(line);
}

TEST_CASE("every planted violation is found, by its name") {
  struct Row {
    const char* word;
    const char* what;
    std::function<void(History&)> plant;
  };
  const std::vector<Row> rows = {
      {"lost", "an acknowledged task is gone",
       [](History& h) { h.found.tasks.erase(h.found.tasks.begin()); }},
      {"lost", "a payload changed", [](History& h) { h.found.tasks[2].payload = "payload of C"; }},
      {"lost", "a task is in another queue", [](History& h) { h.found.tasks[2].queue = "p"; }},
      {"lost", "a worker saw another payload",
       [](History& h) { h.calls[lease_a1].given[0].payload = "x"; }},
      {"invented", "a task that nobody sent",
       [](History& h) {
         h.found.tasks.push_back(found("z", "cancelled"));
         ++h.found.queues["q"].counts["cancelled"];
       }},
      {"invented", "a result that nobody gave", [](History& h) { h.found.tasks[0].result = "x"; }},
      {"4xx", "a refused submit is there",
       [](History& h) {
         h.found.tasks.push_back(found("g", "cancelled"));
         ++h.found.queues["q"].counts["cancelled"];
       }},
      {"4xx", "a refused complete took effect",
       [](History& h) { h.calls[complete_a].verdict = Verdict::refused; }},
      {"torn", "half a batch",
       [](History& h) {
         h.found.tasks.pop_back();
         --h.found.queues["q"].counts["succeeded"];
       }},
      {"duplicated", "an id is listed twice",
       [](History& h) { h.found.tasks.push_back(h.found.tasks[2]); }},
      {"duplicated", "one submit became two tasks",
       [](History& h) {
         TaskFound copy = h.found.tasks[2];
         copy.id = "c2";
         h.found.tasks.push_back(copy);
       }},
      {"duplicated", "one key named two tasks",
       [](History& h) {
         for (std::size_t i : {1u, 2u}) {
           h.calls[i].sent[0].key = "k";
           h.found.tasks[i].key = "k";
         }
       }},
      {"undone", "an acknowledged complete did not last",
       [](History& h) {
         h.found.tasks[0].state = "cancelled";
         h.found.tasks[0].result = "";
       }},
      {"undone", "an acknowledged cancel did not last",
       [](History& h) {
         h.found.tasks[2].state = "dead";
         h.found.tasks[2].dead_reason = "not_retryable";
       }},
      {"terminal", "completed and cancelled",
       [](History& h) {
         h.calls.push_back(settled(Op::cancel, "a", "", 4 * second, "cancelled"));
       }},
      {"terminal", "completed twice, with two results",
       [](History& h) {
         h.calls.push_back(settled(Op::complete, "a", "a2", 4 * second, "succeeded", "other"));
       }},
      {"attempts", "more attempts than the maximum",
       [](History& h) { h.found.tasks[0].attempts = 6; }},
      {"attempts", "leased once too often",
       [](History& h) { h.calls[lease_a2].given[0].attempts = 6; }},
      {"attempts", "dead of too few attempts",
       [](History& h) { h.found.tasks[1].dead_reason = "max_attempts"; }},
      {"dead", "no reason", [](History& h) { h.found.tasks[1].dead_reason = ""; }},
      {"dead", "not in the dead-letter queue",
       [](History& h) { h.found.queues["q"].dead.clear(); }},
      {"dead", "twice in the dead-letter queue",
       [](History& h) { h.found.queues["q"].dead.push_back("b"); }},
      {"counts", "a count is off by one",
       [](History& h) { ++h.found.queues["q"].counts["succeeded"]; }},
      {"counts", "a count of nothing", [](History& h) { h.found.queues["q"].counts["ready"] = 1; }},
      {"overlap", "given away before the lease was over",
       [](History& h) { h.calls[lease_a2].given[0].granted_at = 2 * second + 500'000; }},
      {"overlap", "given away although a heartbeat had extended the lease",
       [](History& h) {
         Call beat = settled(Op::heartbeat, "a", "a1", 2 * second + 900'000, "");
         beat.expires_at = beat.invoked_at + second;
         h.calls.push_back(beat);
       }},
      {"stale", "the first worker completes after the second got it",
       [](History& h) { h.calls[complete_a].token = "a1"; }},
      {"token", "one token for two leases",
       [](History& h) { h.calls[lease_a2].given[0].token = "a1"; }},
      {"early", "before its run_at",
       [](History& h) { h.calls[lease_a1].given[0].run_at = 2 * second + 900'000; }},
      {"time", "finished before it started",
       [](History& h) { h.found.tasks[0].finished_at = 1 * second; }},
      {"unfinished", "still ready",
       [](History& h) {
         TaskFound task = found("f", "ready");
         task.finished_at = 0;
         h.found.tasks.push_back(task);
         h.found.queues["q"].counts["ready"] = 1;
       }},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    History history = sound();
    row.plant(history);
    const std::vector<std::string> wrong = check(history);
    bool named = false;
    for (const std::string& line : wrong)
      named = named || line.starts_with(std::string(row.word) + ": ");
    CHECK(named);
  }
}

TEST_CASE("a lease that was given up may be given to another at once") {
  for (const Op op : {Op::release, Op::fail}) {
    History history = sound();
    history.calls[lease_a2].given[0].granted_at = 2 * second + 500'000;
    history.calls.push_back(settled(op, "a", "a1", 2 * second + 400'000, "ready"));
    CHECK(check(history).empty());
  }
}

}  // namespace
}  // namespace quern::crash
