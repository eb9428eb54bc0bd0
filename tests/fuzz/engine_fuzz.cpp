// The engine, its input read as commands, with time that passes and restarts in between.
//
// Promises: the invariants of tests/engine/invariants.cpp after every run, whatever the commands; a
// restart changes nothing that can be seen.
#define DOCTEST_CONFIG_IMPLEMENT
#include "../engine/harness.h"
#include "input.h"

namespace {

using namespace quern;
using namespace quern::engine;
using namespace quern::engine::testing;
using fuzz::Input;

constexpr std::size_t steps_max = 64;

class Run {
 public:
  explicit Run(Input input)
      : input_(input),
        // Small windows and ticks, so that a few tasks reach every refill and every "the rest next
        // time".
        h_(1, {.queues_max = 4,
               .window_entries = 1 + input_.below(4),
               .tick_tasks_max = 2 + input_.below(6),
               .job_tasks_max = 2 + input_.below(6)}) {}

  void run() {
    for (std::size_t step = 0; step < steps_max && !input_.empty(); ++step) do_step();
    h_.settle_down();
    check();
    h_.restart();
    h_.settle_down();
    check();
  }

 private:
  std::string queue() { return std::string(1, static_cast<char>('a' + input_.below(5))); }
  Duration duration() {
    constexpr std::int64_t units[] = {0,      1,         10,         1'000,
                                      60'000, 3'600'000, 86'400'000, 1'000'000'000};
    return Duration{units[input_.below(std::size(units))] *
                    (1 + static_cast<std::int64_t>(input_.below(7)))};
  }
  TaskId task() {
    if (ids_.empty()) return TaskId::from({.unix_ms = 1});
    return ids_[input_.byte() * ids_.size() / 256];
  }
  Scope scope() {
    if (input_.below(4) != 0) return nullptr;
    return std::make_shared<const QueueScope>(std::vector<std::string>{"a", "b*"});
  }
  static QueueSettings settings_of(Input& input) {
    QueueSettings settings;
    settings.max_attempts = static_cast<std::uint32_t>(1 + input.below(4));
    settings.lease = Duration{1'000 * (1 + static_cast<std::int64_t>(input.below(100)))};
    if (input.flag()) settings.timeout = Duration{5'000};
    if (input.flag()) settings.ttl = Duration{60'000};
    if (input.flag()) settings.max_backlog = input.below(8);
    if (input.flag()) settings.dead_retention = Duration{60'000};
    settings.retention = Duration{static_cast<std::int64_t>(input.below(3)) * 60'000};
    settings.idempotency_window = Duration{static_cast<std::int64_t>(input.below(3)) * 60'000};
    settings.paused = input.below(8) == 0;
    return settings;
  }

  NewTask new_task() {
    SubmitOptions options{.queue = queue()};
    const std::uint8_t bits = input_.byte();
    options.priority = bits % 10;
    if (bits & 16) options.delay = duration();
    if (bits & 32) options.ttl = duration() + Duration{1};
    if (bits & 64) options.key = std::string(1, static_cast<char>('k' + input_.below(3)));
    if (bits & 128) options.correlation = std::string(1, static_cast<char>('c' + input_.below(3)));
    if (input_.below(16) == 0) options.payload = '"' + std::string(5'000, 'p') + '"';
    return testing::new_task(options);
  }

  void submit() {
    Submit command{.tasks = {}, .batch = input_.flag()};
    const std::size_t count = command.batch ? input_.below(6) : 1;
    for (std::size_t i = 0; i < count; ++i) command.tasks.push_back(new_task());
    const auto outcome = h_.call(std::move(command));
    if (const auto* submitted = outcome ? std::get_if<Submitted>(&*outcome) : nullptr) {
      for (const TaskId& id : ids_of(submitted->tasks)) ids_.push_back(id);
    }
  }

  SettleItem item() {
    SettleItem item{.verb = static_cast<SettleVerb>(input_.below(4))};
    if (!held_.empty() && input_.below(8) != 0) {
      const TaskView& held = held_[input_.byte() * held_.size() / 256];
      item.id = held.id;
      item.token = held.status.lease().token();
    } else {
      item.id = task();
      item.token = std::string(16, 'x');
    }
    item.id_text = item.id->text();
    item.retryable = input_.below(4) != 0;
    if (input_.below(4) == 0) item.retry_after = duration();
    if (input_.below(4) == 0) item.progress = "1";
    if (input_.below(4) == 0) item.lease = Duration{1'000} + duration();
    if (input_.below(4) == 0) item.delay = duration();
    if (input_.below(8) == 0) item.result = '"' + std::string(5'000, 'r') + '"';
    return item;
  }

  void lease() {
    Lease command{.queues = {queue(), queue()},
                  .tasks_max = static_cast<std::uint32_t>(input_.below(6))};
    if (input_.below(4) == 0) command.wait = duration();
    if (input_.below(4) == 0) command.lease = Duration{1'000} + duration();
    if (input_.below(4) == 0) command.settle.push_back(item());
    command.scope = scope();
    command.worker_id = "w";
    const auto outcome = h_.call(std::move(command));
    if (const auto* leased = outcome ? std::get_if<Leased>(&*outcome) : nullptr) {
      held_.insert(held_.end(), leased->tasks.begin(), leased->tasks.end());
    }
  }

  DeadFilter filter() {
    DeadFilter filter;
    if (input_.flag()) filter.ids = std::vector<TaskId>{task(), task()};
    if (input_.below(4) == 0) filter.limit = input_.below(3);
    if (input_.below(4) == 0) filter.before = h_.now.wall - duration();
    return filter;
  }

  void give_back() {
    if (held_.empty()) return;
    const TaskView& held = held_.back();
    h_.call(Undelivered{{{held.id, held.status.lease().token()}}});
    held_.pop_back();
  }

  void do_step() {
    switch (input_.below(20)) {
      case 0:
      case 1:
      case 2:
        return submit();
      case 3:
      case 4:
        return lease();
      case 5:
        h_.call(SettleOne{item(), scope()});
        return;
      case 6:
        h_.call(Settle{{item(), item()}, scope()});
        return;
      case 7:
        h_.call(CancelTask{task(), scope()});
        return;
      case 8:
        h_.call(RedriveTask{task(), scope()});
        return;
      case 9:
        h_.call(PutQueue{queue(), settings_of(input_)});
        return;
      case 10:
        h_.call(PauseQueue{queue(), input_.flag()});
        return;
      case 11:
        h_.call(DeleteQueue{queue(), input_.flag()});
        return;
      case 12:
        h_.call(PurgeQueue{queue(), {static_cast<TaskState>(input_.below(3)), TaskState::dead}});
        return;
      case 13: {
        RedriveDead redrive{.name = queue(), .filter = filter()};
        if (input_.below(4) == 0) redrive.to_queue = queue();
        if (input_.below(4) == 0)
          redrive.rate_per_second = 1 + static_cast<double>(input_.below(100));
        h_.call(std::move(redrive));
        return;
      }
      case 14:
        h_.call(DiscardDead{queue(), filter()});
        return;
      case 15:
        h_.advance(duration());
        return;
      case 16:
        h_.jump_wall(input_.flag() ? duration() : -duration());
        return;
      case 17:
        h_.restart();
        return;
      case 18:
        return give_back();
      case 19:
        h_.call(ListQueues{queue(), 1 + input_.below(3), scope()});
        h_.call(WaitTask{task(), duration(), scope()});
        return;
    }
  }

  void check() {
    const std::string wrong = h_.violations();
    if (!wrong.empty()) std::fprintf(stderr, "%s", wrong.c_str());
    fuzz::require(wrong.empty(), "the invariants hold");
  }

  Input input_;
  Harness h_;
  std::vector<TaskId> ids_;
  std::vector<TaskView> held_;
};

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer looks for this name.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The harness checks with doctest: without a test case, a failed check aborts.
  static doctest::Context context;
  static const bool ready = (context.setAsDefaultForAssertsOutOfTestCases(), true);
  static_cast<void>(ready);
  Run(Input(data, size)).run();
  return 0;
}
