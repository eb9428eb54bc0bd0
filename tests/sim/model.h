// What must happen, written down a second time: a model of the whole server that shares no logic
// with the engine, keeps everything in maps and searches them from end to end.
//
// It is shown the commands of a group in their order and what came of them. Every answer is
// predicted; what is random (ids, tokens, jitter) is read from the answer and held to its bounds.
// What happens by itself (leases that end, timers, retention, jobs) is demanded to the tick when
// the engine's bounds on work do not matter, else by the time the engine says that nothing is due.
//
// Errors  Violation: an answer or the store is not as it must be.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "after.h"
#include "edges.h"
#include "engine/core.h"
#include "engine/outcome.h"
#include "model_state.h"
#include "violation.h"

namespace quern::sim {

class Model {
 public:
  struct Rules {
    std::size_t queues_max = 100'000;
    // The engine's bounds on work are so small that they show: an answer may come later, a lease
    // hold fewer tasks, a job take several ticks.
    bool bounded = false;
  };
  struct Call {
    engine::Ticket ticket = 0;
    engine::Command command;
  };

  Model(const Rules& rules, Edges& edges) : rules_(rules), edges_(edges) {}

  // Checks the group that `calls` and a tick have made. `idle`: nothing is left that is due.
  void group(const std::vector<Call>& calls, const std::vector<engine::Reply>& replies,
             const After& after, engine::Now now, bool idle);

  // A new engine took over from what the store holds.
  void recovered(engine::Now now);

  const State& state() const { return state_; }
  bool is_draining() const { return draining_; }
  void set_state(State state) { state_ = std::move(state); }
  // The group has been numbered.
  std::uint64_t count_commit() { return ++state_.commits; }

  // What is wrong with a queue's settings, counts and age as they are shown; "" when nothing is.
  std::string differences(const engine::QueueView& view, const Queue& queue) const;
  // The task as it is known here, compared with how it is shown.
  void check_task(const engine::TaskView& view, engine::Detail detail) const;

 private:
  // What a settle call must be answered with: the task as it stands then, or a refusal.
  struct Verdict {
    std::string id_text;
    engine::SettleVerb verb = engine::SettleVerb::complete;
    std::optional<ErrorCode> refused;
    Task task;
    std::string queue;
    std::uint32_t max_attempts = 0;
    // Its jitter is not known: the task was removed in the same tick, before the call is answered.
    bool run_at_open = false;
  };
  struct Parked {
    std::optional<engine::Lease> lease;  // nullopt: waits for `task`
    TaskId task;
    std::vector<Verdict> settled;  // answered together
    engine::Steady deadline{0};
  };
  enum class JobKind : std::uint8_t { purge, redrive, discard, remove_queue };
  struct Job {
    JobKind kind;
    engine::Ticket ticket = 0;
    QueueNumber queue = 0;
    std::vector<TaskState> states;  // purge
    TaskId newest{};                // purge: of those submitted by then
    engine::DeadFilter filter;      // redrive, discard
    std::optional<std::string> to_queue;
    std::optional<double> rate;
    std::int64_t started_at = 0;
    std::set<TaskId> chosen;  // meant when it began, and not changed by anybody else since
    std::uint64_t done = 0;
    bool contested = false;  // another job of several ticks was at it too: who did what is not told
  };
  // commands
  void apply(engine::Ticket ticket, const engine::Submit& command);
  void apply(engine::Ticket ticket, const engine::SettleOne& command);
  void apply(engine::Ticket ticket, const engine::Settle& command);
  void apply(engine::Ticket ticket, const engine::Lease& command);
  void apply(engine::Ticket ticket, const engine::Abandon& command);
  void apply(engine::Ticket ticket, const engine::Undelivered& command);
  void apply(engine::Ticket ticket, const engine::WaitTask& command);
  void apply(engine::Ticket ticket, const engine::CancelTask& command);
  void apply(engine::Ticket ticket, const engine::RedriveTask& command);
  void apply(engine::Ticket ticket, const engine::PutQueue& command);
  void apply(engine::Ticket ticket, const engine::PatchQueue& command);
  void apply(engine::Ticket ticket, const engine::PauseQueue& command);
  void apply(engine::Ticket ticket, const engine::DeleteQueue& command);
  void apply(engine::Ticket ticket, const engine::GetQueue& command);
  void apply(engine::Ticket ticket, const engine::ListQueues& command);
  void apply(engine::Ticket ticket, const engine::PurgeQueue& command);
  void apply(engine::Ticket ticket, const engine::RedriveDead& command);
  void apply(engine::Ticket ticket, const engine::DiscardDead& command);
  void apply(engine::Ticket ticket, const engine::Drain& command);
  void apply(engine::Ticket ticket, const engine::EndDrain& command);
  void apply(engine::Ticket ticket, const engine::BackupCall& command);
  void apply(engine::Ticket ticket, const engine::ReadOnly& command);

  // parts of submit
  std::optional<ErrorCode> refusal_of(const engine::Submit& command) const;
  const Task* holder(QueueNumber queue, const std::string& key) const;
  Task& create(const engine::NewTask& asked, const engine::TaskView& answer);

  // parts of working
  Verdict settle(const engine::SettleItem& item, std::optional<std::int64_t> shown_run_at);
  std::vector<Verdict> settle_all(const std::vector<engine::SettleItem>& items,
                                  const std::vector<engine::Settled>* answers);
  static void check_settled(const std::vector<Verdict>& verdicts,
                            const std::vector<engine::Settled>& answers);
  static bool said_before(const Task& task, const engine::SettleItem& item);
  std::vector<TaskId> candidates(const std::vector<std::string>& queues) const;
  bool must_die_instead(const Task& task) const;
  void lease(const engine::Lease& command, const std::vector<engine::TaskView>& given);
  bool are_next(const engine::Lease& command, const std::vector<engine::TaskView>& given) const;
  bool anything_for(const engine::Lease& command) const;
  void start(Task& task, const engine::Lease& command, const engine::TaskView& given);
  bool serve_one_parked();
  void serve_parked();
  void bury_what_was_looked_at(const engine::Lease& command);
  void answer_waits_for(const TaskId& id);
  void end_waits();

  // edges
  Task& change(const TaskId& id);
  void finish(Task& task, TaskState state);
  void die(Task& task, DeadReason reason);
  void fail(Task& task, Failure failure, bool retryable, std::optional<Duration> retry_after,
            std::optional<std::int64_t> shown_run_at);
  void set_lease_end(Task& task, Duration elapsed);
  void redrive(Task& task, QueueNumber to, std::int64_t at);
  void become_ready(Task& task);
  void remove(const TaskId& id, Event event);
  void bury(Task& task);

  // what happens by itself
  void tick();
  void end_leases();
  void fire_timers();
  void sweep();
  void step_jobs();
  bool step_job(Job& job);
  std::vector<TaskId> dead_chosen(const Job& job) const;
  bool matches(const Job& job, const Task& task) const;
  void settle_job(Job& job);
  bool retention_over(const Task& task) const;
  bool key_holds(const Task& task) const;
  void demand_nothing_is_due() const;
  // Whether the store will hold the task otherwise than it is known here.
  bool differs_after(const Task& task) const;
  bool is_left_for_later(const Task& task) const;

  // answers
  const engine::Outcome* answer(engine::Ticket ticket) const;
  const engine::Outcome* take(engine::Ticket ticket);
  template <typename T>
  const T& expect(engine::Ticket ticket, const char* what);
  void expect_refusal(engine::Ticket ticket, ErrorCode code, const char* what);
  bool refuse(engine::Ticket ticket, std::optional<ErrorCode> code, const char* what);
  Queue& ensure_queue(const std::string& name);
  void show(engine::Ticket ticket, const std::string& queue);
  // Whether it is answered. `late`: with what was true at some time since it was asked.
  bool shown(engine::Ticket ticket, const std::string& queue, bool late);
  bool shown_page(engine::Ticket ticket, const engine::ListQueues& command, bool late);
  void check_store();

  const Rules rules_;
  Edges& edges_;
  State state_;

  // Until the next restart.
  std::map<engine::Ticket, Parked> parked_;
  std::deque<Job> jobs_;
  std::map<engine::Ticket, std::string> to_show_;
  std::map<engine::Ticket, engine::ListQueues> to_list_;
  bool draining_ = false;
  bool read_only_ = false;

  std::set<std::string> tokens_;  // every one that was ever given out

  // The group in hand.
  engine::Now now_;
  const std::vector<engine::Reply>* replies_ = nullptr;
  std::vector<bool> taken_;
  const After* after_ = nullptr;
  std::set<TaskId> changed_;
};

template <typename T>
const T& Model::expect(engine::Ticket ticket, const char* what) {
  const engine::Outcome* outcome = take(ticket);
  if (outcome == nullptr) violate(std::string(what) + " is not answered");
  if (const T* value = std::get_if<T>(outcome)) return *value;
  const Error* error = std::get_if<Error>(outcome);
  violate(std::string(what) + " is answered " +
          (error ? std::string(to_string(error->code)) + " (" + error->detail + ")"
                 : "with something else") +
          ", must succeed");
}

// How `view` must show a task that is in `queue`; max_attempts is what counts for it.
void compare(const Task& task, const std::string& queue, std::uint32_t max_attempts,
             const engine::TaskView& view, engine::Detail detail);

}  // namespace quern::sim
