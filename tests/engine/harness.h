// The engine with nothing around it: a store in memory, a clock that moves when told to, randomness
// from a seed.
//
// Every call commits what was staged before it hands out the replies, as the commit loop does.
#pragma once

#include <doctest/doctest.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/engine.h"
#include "engine/query.h"
#include "figures_check.h"
#include "footprint_store.h"
#include "quern/storage/memory_store.h"
#include "seeded_random.h"

// So that a failed check prints words instead of bytes.
namespace doctest {
template <>
struct StringMaker<quern::TaskState> {
  static String convert(quern::TaskState state) {
    return std::string(quern::to_string(state)).c_str();
  }
};
template <>
struct StringMaker<quern::ErrorCode> {
  static String convert(quern::ErrorCode code) {
    return std::string(quern::to_string(code)).c_str();
  }
};
template <>
struct StringMaker<quern::TaskId> {
  static String convert(const quern::TaskId& id) { return id.text().c_str(); }
};
template <>
struct StringMaker<quern::Timestamp> {
  static String convert(const quern::Timestamp& at) { return quern::to_rfc3339(at).c_str(); }
};
template <>
struct StringMaker<quern::Duration> {
  static String convert(const quern::Duration& d) {
    return (std::to_string(d.count()) + " ms").c_str();
  }
};
}  // namespace doctest

namespace quern::engine::testing {

using namespace std::chrono_literals;

using test::SeededRandom;

struct SubmitOptions {
  std::string queue = "q";
  std::string type = "t";
  std::string payload = "{}";
  std::uint32_t priority = 5;
  std::optional<Duration> delay = {};
  std::optional<Duration> ttl = {};
  std::optional<std::uint32_t> max_attempts = {};
  std::optional<Duration> timeout = {};
  std::optional<Duration> lease = {};
  std::string key = "";
  std::string correlation = "";
};

NewTask new_task(const SubmitOptions& options);
std::vector<TaskId> ids_of(const std::vector<TaskView>& views);

class Harness {
 public:
  explicit Harness(std::uint64_t seed = 1, Engine::Options options = {},
                   std::optional<std::size_t> figures_queues_max = 2);  // nullopt: no figures

  // --- time
  Now now{.wall = Timestamp{1'800'000'000'000}, .steady = Steady{0}};
  // Both clocks, and lets the engine do all that is due.
  void advance(Duration by);
  // The wall clock alone, forwards or backwards, as when somebody sets it.
  void jump_wall(Duration by);
  // Ticks until nothing is due.
  void settle_down();
  // A new engine on what was committed: in a new process, and in the same one.
  void restart();
  void recover();

  // --- calls; the answer, or nullopt while the call is parked
  std::optional<Outcome> call(Command command);
  Ticket park(Command command);                  // precondition: it parks
  std::optional<Outcome> answer(Ticket ticket);  // of a call that was parked, once
  template <typename T>
  T answered(Ticket ticket) {
    std::optional<Outcome> outcome = answer(ticket);
    REQUIRE(outcome.has_value());
    REQUIRE(std::holds_alternative<T>(*outcome));
    return std::move(std::get<T>(*outcome));
  }

  // Answers of a certain kind; fail the test otherwise.
  template <typename T>
  T expect(Command command) {
    std::optional<Outcome> outcome = call(std::move(command));
    REQUIRE(outcome.has_value());
    if (const Error* error = std::get_if<Error>(&*outcome)) {
      if constexpr (!std::is_same_v<T, Error>) FAIL(to_string(error->code), ": ", error->detail);
    }
    REQUIRE(std::holds_alternative<T>(*outcome));
    return std::move(std::get<T>(*outcome));
  }
  // Applied and committed, but no tick follows: whatever takes more than one go is still under way.
  Ticket begin(Command command);
  void tick();  // one, committed
  ErrorCode refusal(Command command) { return expect<Error>(std::move(command)).code; }

  // --- shorthand
  TaskId submit(const SubmitOptions& options = {});
  std::vector<TaskId> submit_many(std::size_t count, const SubmitOptions& options = {});
  TaskId submit_dead(const SubmitOptions& options = {});  // leased once and failed for good
  std::vector<TaskView> lease(std::vector<std::string> queues = {"q"}, std::uint32_t tasks_max = 1,
                              std::optional<Duration> length = {});
  TaskView lease_one(const std::string& queue = "q");  // fails the test when there is none
  std::vector<TaskId> lease_ids(std::uint32_t tasks_max, const std::string& queue = "q");
  std::optional<TaskView> get(const TaskId& id) const;
  TaskView view(const TaskId& id) const;  // fails the test when there is none
  std::vector<TaskId> dead_ids(const std::string& queue = "q") const;  // the last to die first
  TaskState state(const TaskId& id) const;
  QueueView queue(const std::string& name = "q");
  std::uint64_t count(TaskState state, const std::string& queue = "q");
  void configure(const std::string& queue, const QueueSettings& settings);

  // --- settling, by what lease() gave
  static SettleItem item(SettleVerb verb, const TaskView& leased);
  TaskView complete(const TaskView& leased, std::string result = "null");
  Timestamp heartbeat(const TaskView& leased, std::optional<Duration> length = {});
  TaskView fail(const TaskView& leased, bool retryable = true,
                std::optional<Duration> retry_after = {});
  TaskView release(const TaskView& leased, Duration delay = Duration{0});

  storage::MemoryStore& store() { return *store_; }
  // The same, with an eye on what scans cost: what the engine reads and commits to.
  FootprintStore& footprint() { return *footprint_; }
  Engine& engine() { return *engine_; }
  const FiguresBoard& board() const { return *board_; }
  SeededRandom& random() { return random_; }

  // Every invariant that can be read off the store: counts equal a full scan, every index entry
  // belongs to a record and every record has its entries; and of the figures. Returns what is
  // wrong, or "".
  std::string violations() const;

 private:
  void commit();

  SeededRandom random_;
  Engine::Options options_;
  std::unique_ptr<storage::MemoryStore> store_;
  std::unique_ptr<FootprintStore> footprint_;
  const std::optional<std::size_t> figures_queues_max_;
  std::unique_ptr<FiguresBoard> board_;
  FiguresCheck figures_check_;
  std::unique_ptr<Engine> engine_;
  Ticket last_ticket_ = 0;
  std::map<Ticket, Outcome> answers_;
};

}  // namespace quern::engine::testing
