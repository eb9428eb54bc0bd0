// The engine over the real store on a disk that loses power: what clients were answered is there
// after every cut, and all invariants of the store hold, each time anew on what the cut before
// left.
//
// QUERN_POWER_CYCLES=1000 runs more cuts than the usual number; QUERN_SEED=n replays what is drawn.

#include <doctest/doctest.h>
#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <map>
#include <stdexcept>

#include "child_process.h"
#include "engine/audit.h"
#include "engine/engine.h"
#include "engine/task_record.h"
#include "faulty_disk.h"
#include "seeded_random.h"
#include "store_on_disk.h"
#include "stores.h"

namespace quern::crash {
namespace {

using storage::test::below;
using storage::test::ChildEnd;
using storage::test::FaultyDisk;
using storage::test::open_on;
using storage::test::run_in_child;
using storage::test::SharedFile;
using storage::test::Survival;

constexpr std::size_t answers_max = 1 << 16;

enum class Answered : std::uint8_t { submitted, completed, died };

// What clients were told, in memory that outlives the child.
struct Answers {
  struct One {
    Answered what;
    std::array<char, 16> id;
  };
  std::atomic<std::size_t> count{0};
  std::array<One, answers_max> list;

  void add(Answered what, const TaskId& id) {
    One& one = list[count];
    one.what = what;
    std::memcpy(one.id.data(), id.view().data(), one.id.size());
    ++count;
  }
};

class SharedAnswers {
 public:
  SharedAnswers()
      : memory_(::mmap(nullptr, sizeof(Answers), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                       -1, 0)) {
    REQUIRE(memory_ != MAP_FAILED);
    new (memory_) Answers;
  }
  SharedAnswers(const SharedAnswers&) = delete;
  SharedAnswers& operator=(const SharedAnswers&) = delete;
  ~SharedAnswers() { ::munmap(memory_, sizeof(Answers)); }
  Answers& operator*() const { return *static_cast<Answers*>(memory_); }
  Answers* operator->() const { return static_cast<Answers*>(memory_); }

 private:
  void* memory_;
};

// Clients and the commit loop in one: a few commands, a tick, a commit, and only then the answers.
class Service {
 public:
  Service(storage::Store& store, engine::Now now, std::uint64_t seed, Answers& answers)
      : store_(store), now_(now), draw_(seed), random_(seed + 1), answers_(answers) {
    auto recovered = engine::Engine::recover(store_, random_, {.window_entries = 4}, now_);
    if (!recovered) throw std::runtime_error(recovered.error().detail);
    engine_ = *std::move(recovered);
  }

  // False: the store takes no more.
  bool round() {
    for (std::uint64_t count = 1 + below(draw_, 4); count > 0; --count) act();
    const Duration pause{static_cast<std::int64_t>(below(draw_, 400))};
    now_ = {.wall = now_.wall + pause, .steady = now_.steady + pause};
    engine_->tick(now_);
    if (engine_->failure()) return false;
    if (!store_.commit(engine_->take_batch())) return false;
    for (engine::Reply& reply : engine_->take_replies()) hear(std::move(reply.outcome));
    return true;
  }

 private:
  void apply(engine::Command command) { engine_->apply(++ticket_, std::move(command), now_); }

  void act() {
    const std::uint64_t kind = below(draw_, 10);
    if (kind < 4 || held_.empty()) return kind % 2 == 0 ? submit() : lease();
    if (kind < 6) return lease();
    engine::SettleItem item;
    item.id = held_.back().id;
    item.id_text = held_.back().id.text();
    item.token = held_.back().status.lease().token();
    held_.pop_back();
    item.verb = kind < 8   ? engine::SettleVerb::complete
                : kind < 9 ? engine::SettleVerb::fail
                           : engine::SettleVerb::release;
    item.retryable = below(draw_, 3) > 0;
    if (below(draw_, 8) == 0) item.result = std::string(6'000, ' ') + "2";
    apply(engine::SettleOne{std::move(item)});
  }

  void submit() {
    engine::Submit command;
    const std::uint64_t count = 1 + below(draw_, 6);
    command.batch = count > 1;
    for (std::uint64_t i = 0; i < count; ++i) {
      auto body = std::make_shared<record::TaskBody>();
      body->set_type("t");
      body->set_priority(static_cast<std::uint32_t>(below(draw_, 10)));
      body->set_payload(std::string(below(draw_, 12) == 0 ? 9'000 : below(draw_, 300), ' ') + "1");
      if (below(draw_, 4) == 0) body->set_correlation_id("c" + std::to_string(below(draw_, 5)));
      engine::NewTask task{.queue = "q" + std::to_string(below(draw_, 3)), .body = std::move(body)};
      if (below(draw_, 5) == 0) task.delay = Duration{1'000};
      command.tasks.push_back(std::move(task));
    }
    apply(std::move(command));
  }

  void lease() {
    engine::Lease command;
    command.queues = {"q0", "q1", "q2"};
    command.tasks_max = static_cast<std::uint32_t>(1 + below(draw_, 3));
    command.lease = Duration{static_cast<std::int64_t>(1'000 + below(draw_, 20'000))};
    apply(std::move(command));
  }

  void hear(engine::Outcome outcome) {
    if (const auto* submitted = std::get_if<engine::Submitted>(&outcome)) {
      for (const auto& task : submitted->tasks) answers_.add(Answered::submitted, task.id);
    } else if (auto* leased = std::get_if<engine::Leased>(&outcome)) {
      for (auto& task : leased->tasks) held_.push_back(std::move(task));
    } else if (const auto* one = std::get_if<engine::OneTask>(&outcome)) {
      const TaskState state = engine::state_of(one->task.status);
      if (state == TaskState::succeeded) answers_.add(Answered::completed, one->task.id);
      if (state == TaskState::dead) answers_.add(Answered::died, one->task.id);
    }
  }

  storage::Store& store_;
  engine::Now now_;
  std::mt19937_64 draw_;
  test::SeededRandom random_;
  Answers& answers_;
  std::unique_ptr<engine::Engine> engine_;
  engine::Ticket ticket_ = 0;
  std::vector<engine::TaskView> held_;
};

// What all clients together were told over a store's life.
using Told = std::map<std::string, Answered>;

std::string check(const storage::Reader& store, const Told& told) {
  const Result<engine::AuditReport> report = engine::audit(store);
  if (!report) return report.error().detail;
  if (!report->sound()) return report->findings.front().text;
  for (const auto& [id_bytes, what] : told) {
    const TaskId id = TaskId::from_bytes(id_bytes);
    const auto body = engine::load_body(store, id);
    if (!body || !*body) return "lost: task " + id.text();
    const auto status = engine::load_status(store, id);
    if (!status) return status.error().detail;
    const bool terminal = *status && is_terminal(engine::state_of(**status));
    if (what == Answered::submitted) continue;
    const TaskState wanted = what == Answered::completed ? TaskState::succeeded : TaskState::dead;
    if (!terminal || engine::state_of(**status) != wanted) return "undone: task " + id.text();
  }
  return "";
}

TEST_CASE("after a power cut all that was answered is there and every invariant holds") {
  const std::uint64_t seed = storage::test::choose_seed();
  MESSAGE("QUERN_SEED=", seed);
  const char* chosen = std::getenv("QUERN_POWER_CYCLES");
  const std::uint64_t cycles = chosen == nullptr ? 40 : std::strtoull(chosen, nullptr, 10);
  std::mt19937_64 random(seed);
  std::shared_ptr<FaultyDisk> disk;
  Told told;
  engine::Now now{.wall = {1'800'000'000'000}, .steady = Duration{0}};
  std::uint64_t tasks = 0;
  std::uint64_t settled = 0;
  for (std::uint64_t cycle = 0; cycle < cycles; ++cycle) {
    if (cycle % 8 == 0) {
      told.clear();
      disk = storage::test::new_disk();
    }
    INFO("cut ", cycle);
    const std::uint64_t drawn = random();
    const SharedAnswers answers;
    const SharedFile left;
    const ChildEnd run = run_in_child([&]() -> std::string {
      std::mt19937_64 cut(drawn);
      const std::uint64_t call = 1 + below(cut, 300);
      const bool after = below(cut, 2) == 0;
      end_with_power(*disk, call, after, static_cast<Survival>(below(cut, 3)), cut, left);
      const auto store = open_on(disk);
      if (!store) return store.error().detail;
      Service service(**store, now, drawn, *answers);
      while (service.round()) {
      }
      return "the store failed before the power did";
    });
    REQUIRE_MESSAGE(run.well, run.how);
    for (std::size_t i = 0; i < answers->count; ++i) {
      const Answers::One& one = answers->list[i];
      told.insert_or_assign(std::string(one.id.data(), one.id.size()), one.what);
      ++(one.what == Answered::submitted ? tasks : settled);
    }
    disk = FaultyDisk::from_image(left.read());
    const ChildEnd look = run_in_child([&] {
      const auto store = open_on(disk);
      return store ? check(**store, told) : store.error().detail;
    });
    REQUIRE_MESSAGE(look.well, look.how);
    // The next server starts a little later.
    now.wall = now.wall + Duration{60'000};
  }
  MESSAGE("power cuts ", cycles, ", tasks answered ", tasks, ", settlements answered ", settled);
  CHECK(tasks > cycles);
  CHECK(settled > 0);
}

}  // namespace
}  // namespace quern::crash
