#include "run.h"

#include <algorithm>

#include "clients.h"
#include "reads.h"
#include "server.h"
#include "violation.h"

namespace quern::sim {
namespace {

class World {
 public:
  World(const Plan& plan, Edges& edges, std::vector<std::string>* history)
      : clients_(plan), server_(plan, clients_, edges, history) {}

  void step(const Step& step) {
    Dice dice(step.salt ^ 0x5bd1e995);
    server_.note([&] { return std::string(to_string(step.kind)); });
    switch (step.kind) {
      case StepKind::advance:
        // Mostly a moment, sometimes as long as leases and backoffs, seldom for days.
        server_.advance(dice.chance(70)   ? dice.up_to(1'500)
                        : dice.chance(90) ? dice.up_to(15'000)
                                          : dice.up_to(200'000'000));
        break;
      case StepKind::advance_to_deadline:
        advance_to_deadline(dice);
        break;
      case StepKind::jump_clock:
        jump_clock(dice);
        break;
      case StepKind::drain:
        server_.drain();
        break;
      case StepKind::read:
        if (server_.is_up()) check_reads(server_.store(), server_.model(), dice);
        break;
      case StepKind::sync:
        server_.sync();
        break;
      case StepKind::kill:
      case StepKind::cut_power:
      case StepKind::fail_commit:
      case StepKind::fail_reads:
      case StepKind::fill_disk:
      case StepKind::take_disk_away:
        fault(step.kind, dice);
        break;
      default:
        clients_.act(step, server_);
    }
    clients_.pass_step(server_);
    // Often several calls come in before the next group is taken.
    const std::uint64_t turns = dice.below(4);
    for (std::uint64_t i = 0; i < turns; ++i) server_.turn();
  }

  // Faults are over: everything comes to an end, and stays as it was.
  void finish() {
    server_.note([] { return std::string("the faults are over"); });
    server_.fill_disk(false);
    server_.take_disk_away(false);
    clients_.become_reliable(server_);
    // What drains is to be started again.
    server_.kill();
    settle_down();
    work_off();
    compare();
    server_.kill();
    settle_down();
    compare();
  }

  const Server& server() const { return server_; }
  const Clients& clients() const { return clients_; }

 private:
  // To the moment at which something is due, or just before it.
  void advance_to_deadline(Dice& dice) {
    const std::optional<Duration> rest =
        server_.is_up() ? server_.until_next_deadline() : std::nullopt;
    if (!rest) return;
    server_.advance(dice.chance(30) ? std::max(*rest - Duration{1}, Duration{0}) : *rest);
  }

  void jump_clock(Dice& dice) {
    constexpr std::int64_t hour = 3'600'000;
    const std::int64_t most = dice.chance(60) ? 30'000 : dice.chance(70) ? hour : 8'760 * hour;
    const Duration by = dice.up_to(most);
    const bool forwards = dice.chance(50);
    server_.set_clock(forwards ? by : -by);
    if (!forwards) set_back_ += by;
  }

  void fault(StepKind kind, Dice& dice) {
    const std::size_t kept = dice.below(4);
    switch (kind) {
      case StepKind::kill:
        if (dice.chance(30)) return server_.kill();
        return server_.arm(dice.chance(50) ? Server::Fault::kill_before : Server::Fault::kill_after,
                           kept);
      case StepKind::cut_power:
        if (dice.chance(30)) return server_.cut_power(kept);
        return server_.arm(Server::Fault::power_cut, kept);
      case StepKind::fail_commit:
        return server_.arm(
            dice.chance(50) ? Server::Fault::fail_unapplied : Server::Fault::fail_applied, kept);
      case StepKind::fail_reads:
        return server_.fail_reads();
      case StepKind::fill_disk:
        return fill_disk(dice);
      default:
        return server_.take_disk_away(dice.chance(50));
    }
  }

  // Mostly it is noticed before it is full, and said again when there is room.
  void fill_disk(Dice& dice) {
    const bool full = dice.chance(50);
    if (dice.chance(60)) {
      server_.tell(engine::ReadOnly{full ? "the disk is nearly full" : ""});
    } else {
      server_.fill_disk(full);
    }
  }

  void settle_down() {
    for (int turns = 0; turns < 2'000; ++turns) {
      server_.turn();
      clients_.pass_step(server_);
      if (server_.is_idle()) return;
    }
    violate("the server never comes to rest");
  }

  // Of tasks whose queue is not paused.
  template <typename Is>
  bool any(Is&& is) const {
    const State& state = server_.model().state();
    return std::any_of(state.tasks.begin(), state.tasks.end(), [&](const auto& entry) {
      return is(*entry.second) && !state.queues.at(entry.second->queue).settings.paused;
    });
  }
  bool any_in(TaskState state) const {
    return any([state](const Task& task) { return task.state == state; });
  }
  bool all_over() const {
    return !any([](const Task& task) { return !is_terminal(task.state); });
  }

  std::string unfinished() const {
    std::string names;
    for (const auto& [id, task] : server_.model().state().tasks) {
      if (!is_terminal(task->state)) {
        names += "\n" + id.text() + " is " + std::string(to_string(task->state));
      }
    }
    return names;
  }

  // I13: with workers at hand and no faults every task ends, but for those of a paused queue.
  void work_off() {
    // Longer than any backoff, delay and lease that is drawn, times the attempts. What a clock that
    // was set back makes longer is not counted: until it has caught up it goes at nine tenths.
    const Duration bound = Duration{std::int64_t{24} * 3'600'000} + set_back_ * 10 / 9;
    const Duration begun = server_.age();
    for (int round = 0; round < 2'000 && server_.age() - begun <= bound; ++round) {
      clients_.work_off(server_);
      settle_down();
      if (all_over()) return;
      // The tick after the last answer may have made something ready.
      if (any_in(TaskState::ready)) continue;
      const std::optional<Duration> rest = server_.until_next_deadline();
      if (!rest) violate("a task waits, and nothing will ever happen to it" + unfinished());
      server_.advance(*rest);
    }
    violate("a task does not come to its end" + unfinished());
  }

  void compare() {
    server_.check_everything();
    check_all_reads(server_.store(), server_.model());
  }

  Clients clients_;
  Server server_;
  Duration set_back_{0};  // the clock, in all
};

}  // namespace

Run run(const Plan& plan, std::vector<std::string>* history) {
  Run run;
  std::optional<World> world;
  try {
    world.emplace(plan, run.edges, history);
    for (const Step& step : plan.steps) {
      world->step(step);
      ++run.steps;
    }
    world->finish();
  } catch (const std::exception& failure) {
    run.violation = failure.what();
  }
  if (world) {
    run.calls = world->clients().calls();
    run.simulated = world->server().age();
    run.hash = world->server().hash();
  }
  return run;
}

}  // namespace quern::sim
