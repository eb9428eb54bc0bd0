// Random commands from a seed against one engine, with restarts; every invariant after every few
// steps. A failure prints the seed, which replays it exactly. QUERN_SEEDS says how many seeds to
// run.

#include <algorithm>
#include <cstdlib>

#include "harness.h"

namespace quern::engine::testing {
namespace {

class RandomRun {
 public:
  explicit RandomRun(std::uint64_t seed)
      // Small windows and ticks, so that a few tasks reach every refill and every "the rest next
      // time".
      : h_(seed, {.window_entries = 1 + seed % 5,
                  .tick_tasks_max = 2 + seed % 7,
                  .job_tasks_max = 2 + seed % 7}),
        random_(seed * 7919 + 1) {}

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      if (i % 8 == 7) {
        const std::string wrong = h_.violations();
        REQUIRE_MESSAGE(wrong.empty(), wrong);
        check_ages();
      }
    }
    drain();
  }

 private:
  std::string any_queue() { return std::string(1, static_cast<char>('a' + random_.below(3))); }
  bool chance(std::uint64_t percent) { return random_.below(100) < percent; }
  Duration up_to(std::int64_t ms) {
    return Duration{static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(ms)))};
  }

  void step() {
    switch (random_.below(16)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return submit();
      case 4:
      case 5:
      case 6:
        return lease();
      case 7:
      case 8:
      case 9:
        return settle();
      case 10:
        return on_some_task();
      case 11:
        return on_the_dead();
      case 12:
        return configure();
      case 13:
        return h_.advance(up_to(chance(10) ? 200'000 : 3'000));
      case 14:
        return purge_or_delete();
      default:
        if (chance(30)) restart();
    }
  }

  // What the metrics say of the oldest ready tasks is what a question about the queues is told.
  void check_ages() {
    h_.settle_down();
    const QueuePage page = h_.expect<QueuePage>(ListQueues{.limit = 10});
    for (const FiguresBoard::Entry& row : h_.board().queues()) {
      std::optional<Duration> oldest;
      for (const QueueView& queue : page.queues) {
        const bool is_shown = queue.name == row.queue || row.queue == other_queues;
        if (is_shown && queue.oldest_ready_age && !is_named(queue.name, row.queue)) {
          oldest = std::max(oldest.value_or(Duration{0}), *queue.oldest_ready_age);
        }
      }
      const Duration seen = h_.now.wall - Timestamp{row.figures.oldest_ready_at};
      CAPTURE(row.queue);
      if (!oldest) CHECK(row.figures.oldest_ready_at == QueueFigures::nothing_ready);
      if (oldest) CHECK(std::max(seen, Duration{0}) == *oldest);
    }
  }

  // Whether the queue has a row of its own that is not this one.
  bool is_named(const std::string& queue, const std::string& row) const {
    if (queue == row) return false;
    const std::vector<FiguresBoard::Entry> rows = h_.board().queues();
    return std::any_of(rows.begin(), rows.end(),
                       [&](const FiguresBoard::Entry& entry) { return entry.queue == queue; });
  }

  // The clock may be set forwards or back while the server is down.
  void restart() {
    if (chance(30)) h_.now.wall = h_.now.wall + up_to(30'000) - up_to(30'000);
    h_.restart();
    parked_.clear();
  }

  void submit() {
    Submit command;
    command.batch = chance(30);
    const std::uint64_t count = command.batch ? 1 + random_.below(12) : 1;
    for (std::uint64_t i = 0; i < count; ++i) {
      SubmitOptions options;
      options.queue = any_queue();
      options.priority = static_cast<std::uint32_t>(random_.below(3));
      if (chance(20)) options.delay = up_to(5'000);
      if (chance(20)) options.ttl = up_to(5'000);
      if (chance(30)) options.max_attempts = 1 + random_.below(3);
      if (chance(20)) options.timeout = Duration{1} + up_to(5'000);
      if (chance(25)) options.key = "k" + std::to_string(random_.below(6));
      if (chance(20)) options.correlation = "c" + std::to_string(random_.below(3));
      if (chance(10)) options.payload = '"' + std::string(5'000, 'x') + '"';
      command.tasks.push_back(new_task(options));
    }
    const std::optional<Outcome> outcome = h_.call(std::move(command));
    REQUIRE(outcome.has_value());
    if (const auto* submitted = std::get_if<Submitted>(&*outcome)) {
      for (const TaskView& view : submitted->tasks) ids_.push_back(view.id);
    }
  }

  void lease() {
    std::vector<std::string> queues{any_queue()};
    if (chance(50)) queues.push_back(any_queue());
    if (chance(15)) {
      parked_.push_back(h_.begin(Lease{
          .queues = queues, .wait = up_to(10'000), .lease = Duration{1'000}, .worker_id = "p"}));
      return h_.settle_down();
    }
    if (!parked_.empty() && chance(15)) {
      // Answered or parked, it is gone; what it was given is not delivered.
      const Ticket ticket = parked_[random_.below(parked_.size())];
      h_.call(Abandon{ticket});
      std::optional<Outcome> outcome = h_.answer(ticket);
      if (outcome && std::holds_alternative<Leased>(*outcome)) {
        Undelivered command;
        for (const TaskView& view : std::get<Leased>(*outcome).tasks) {
          command.leases.push_back({view.id, view.status.lease().token()});
        }
        h_.call(std::move(command));
      }
    }
    for (TaskView& view :
         h_.lease(queues, static_cast<std::uint32_t>(1 + random_.below(6)), Duration{1'000})) {
      CHECK(view.status.attempts() <= view.max_attempts);
      held_.push_back(std::move(view));
    }
  }

  void settle() {
    if (held_.empty()) return;
    const std::size_t i = random_.below(held_.size());
    SettleItem item = Harness::item(static_cast<SettleVerb>(random_.below(4)), held_[i]);
    item.error_type = "e" + std::to_string(random_.below(2));
    item.retryable = chance(80);
    if (chance(30)) item.retry_after = up_to(3'000);
    if (chance(30)) item.delay = up_to(3'000);
    if (chance(30)) item.progress = '"' + std::string(random_.below(2'000), 'p') + '"';
    if (chance(10)) item.result = '"' + std::string(5'000, 'r') + '"';
    if (item.verb != SettleVerb::heartbeat && chance(80))
      held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(i));
    REQUIRE(h_.call(SettleOne{std::move(item)}).has_value());
  }

  void on_some_task() {
    if (ids_.empty()) return;
    const TaskId id = ids_[random_.below(ids_.size())];
    if (chance(50)) {
      h_.call(CancelTask{id});
    } else if (chance(50)) {
      h_.call(RedriveTask{id});
    } else if (!held_.empty()) {
      const TaskView& held = held_[random_.below(held_.size())];
      h_.call(Undelivered{{{held.id, held.status.lease().token()}}});
    }
  }

  void on_the_dead() {
    DeadFilter filter;
    if (chance(30)) filter.limit = 1 + random_.below(3);
    if (chance(30)) filter.error_type = "e0";
    if (chance(30) && !ids_.empty())
      filter.ids = {ids_[random_.below(ids_.size())], ids_[random_.below(ids_.size())]};
    if (chance(70)) {
      RedriveDead command{
          .name = any_queue(), .filter = filter, .to_queue = {}, .rate_per_second = {}};
      if (chance(40)) command.to_queue = any_queue();
      if (chance(40)) command.rate_per_second = 2.0;
      h_.call(std::move(command));
    } else {
      h_.call(DiscardDead{any_queue(), filter});
    }
  }

  void configure() {
    QueueSettings settings;
    settings.max_attempts = static_cast<std::uint32_t>(1 + random_.below(4));
    settings.retry.base = up_to(2'000);
    settings.retention = up_to(20'000);
    settings.idempotency_window = up_to(20'000);
    if (chance(30)) settings.dead_retention = up_to(20'000);
    if (chance(20)) settings.ttl = up_to(10'000);
    if (chance(20)) settings.max_backlog = 1 + random_.below(20);
    settings.paused = chance(15);
    h_.call(PutQueue{any_queue(), settings});
  }

  void purge_or_delete() {
    if (chance(60)) return;
    if (chance(60)) {
      h_.call(PurgeQueue{any_queue(),
                         {static_cast<TaskState>(random_.below(3)), TaskState::succeeded}});
    } else {
      h_.call(DeleteQueue{any_queue(), chance(30)});
    }
  }

  // Liveness: with the faults over, everything that is not paused comes to an end and, past its
  // retention, is gone.
  void drain() {
    for (const char* queue : {"a", "b", "c"}) {
      h_.call(PutQueue{queue, QueueSettings{.max_attempts = 1,
                                            .retention = Duration{1'000},
                                            .dead_retention = Duration{1'000},
                                            .idempotency_window = Duration{1'000}}});
    }
    for (int round = 0; round < 400; ++round) {
      for (const TaskView& leased : h_.lease({"a", "b", "c"}, 100)) h_.complete(leased);
      h_.advance(Duration{3'000});
    }
    const std::string wrong = h_.violations();
    REQUIRE_MESSAGE(wrong.empty(), wrong);
    for (const char* queue : {"a", "b", "c"}) {
      for (const std::uint64_t n : h_.queue(queue).counts) CHECK(n == 0);
    }
    for (const TaskId& id : ids_) CHECK_FALSE(h_.get(id).has_value());
  }

  Harness h_;
  SeededRandom random_;
  std::vector<TaskId> ids_;
  std::vector<TaskView> held_;
  std::vector<Ticket> parked_;
};

TEST_CASE("whatever is done in whatever order, every invariant holds and everything ends") {
  const char* seeds = std::getenv("QUERN_SEEDS");
  const std::uint64_t count = seeds != nullptr ? std::strtoull(seeds, nullptr, 10) : 100;
  const char* first = std::getenv("QUERN_SEED");
  const std::uint64_t from = first != nullptr ? std::strtoull(first, nullptr, 10) : 1;
  for (std::uint64_t seed = from; seed < from + count; ++seed) {
    INFO("replay with QUERN_SEEDS=1 QUERN_SEED=", seed);
    RandomRun(seed).run(400);
  }
}

}  // namespace
}  // namespace quern::engine::testing
