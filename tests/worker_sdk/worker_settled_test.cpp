// WorkerOptions::on_settled: what a program learns of how its reports were answered.
#include <doctest/doctest.h>

#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "quern/quern.h"
#include "worker_on_fake.h"

using namespace quern;
using namespace quern::test;
using namespace std::chrono_literals;

namespace {

// What on_settled was told, in words: "complete succeeded", "fail lease_lost", …
class Told {
 public:
  WorkerOptions options() {
    return {.lease = 1s,
            .heartbeat = 100ms,
            .on_settled = [this](const Settlement& sent, const Settled& answer) {
              const std::lock_guard lock(mutex_);
              told_.emplace_back(sent.id, text_of(sent, answer));
              throw std::runtime_error("ignored");
            }};
  }
  // Of one task, when the worker has ended.
  std::vector<std::string> about(const std::string& id) {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> found;
    for (const auto& [task, text] : told_) {
      if (task == id) found.push_back(text);
    }
    return found;
  }

 private:
  static std::string text_of(const Settlement& sent, const Settled& answer) {
    const std::string op = sent.op == SettleOp::complete ? "complete "
                           : sent.op == SettleOp::fail   ? "fail " + sent.error.type + " "
                                                         : "release ";
    return op + std::string(answer.problem ? to_string(answer.problem->code) : "taken");
  }

  std::mutex mutex_;
  std::vector<std::pair<std::string, std::string>> told_;
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a program is told once how each report was answered") {
  FakeQuern quern;
  Told told;
  RunningWorker running(quern, told.options());
  running.worker.handle("done", [](Context&) {})
      .handle("failed", [](Context&) { throw Permanent("no", "Bad"); })
      .handle("back", [](Context&) { throw Release(1h); })
      .handle("refused", [](Context&) { return "\"too large\""; });
  const std::string done = quern.add("done");
  const std::string failed = quern.add("failed");
  const std::string back = quern.add("back");
  const std::string refused = quern.add("refused");
  running.start();
  CHECK(quern.eventually([&] {
    int ends = 0;
    for (const auto& item : quern.settled()) ends += item["op"] != "heartbeat" ? 1 : 0;
    return ends == 5;  // that of `refused` a second time, as a failure
  }));
  running.stop();
  CHECK(told.about(done) == Texts{"complete taken"});
  CHECK(told.about(failed) == Texts{"fail Bad taken"});
  CHECK(told.about(back) == Texts{"release taken"});
  CHECK(told.about(refused) == Texts{"fail ResultRefused taken"});
}

TEST_CASE("a program is told that a report came too late") {
  FakeQuern quern;
  Told told;
  WorkerOptions options = told.options();
  options.lease = options.heartbeat = 1h;  // no heartbeat says it sooner
  RunningWorker running(quern, std::move(options));
  running.worker.handle("quick", [&](Context& context) { quern.lose(context.task().id); });
  running.start();
  const std::string id = quern.add("quick");
  CHECK(quern.outcome(id)["op"] == "complete");
  running.stop();
  CHECK(told.about(id) == Texts{"complete lease_lost"});
}

TEST_CASE("a program is told that a task was lost while its handler ran") {
  FakeQuern quern;
  Told told;
  RunningWorker running(quern, told.options());
  running.worker.handle("long", [](Context& context) { wait_for_stop(context); })
      .handle("short", [](Context&) {});
  running.start();
  const std::string id = quern.add("long");
  quern.lose(id);
  CHECK(quern.outcome(quern.add("short"))["op"] == "complete");
  running.stop();
  CHECK(quern.outcomes(id).empty());  // nothing was sent
  CHECK(told.about(id) == Texts{"complete lease_lost"});
}
