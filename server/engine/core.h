// What the commands share: the queues, the tasks in hand, the timers, and the one way to change a
// task.
//
// Each command is a function over Core in a file of its own (submit.cpp, lease.cpp, settle.cpp …);
// engine.cpp only picks one. add(), move() and remove() are the only functions that change what is
// stored about a task, and they keep records, indexes, counts and in-memory windows in step.
//
// Threads  none: the engine's.
// Errors   StoreFailure (records.h) when a read fails.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "engine/engine.h"
#include "engine/figure_book.h"
#include "engine/head_window.h"
#include "engine/job.h"
#include "engine/lease_table.h"
#include "engine/places.h"
#include "engine/queue.h"
#include "engine/records.h"
#include "engine/task_record.h"
#include "engine/waiters.h"

namespace quern::engine {

// One task in hand.
struct Task {
  TaskId id;
  std::shared_ptr<const record::TaskBody> body;
  record::TaskStatus status;
  bool as_submitted = false;  // it has no status record yet

  TaskState state() const { return state_of(status); }
};

enum class Detail : std::uint8_t {
  brief,  // what a list item of a settle shows
  head,   // and the failures: lists, a submit's answer
  whole,  // and payload, result and progress wherever they live
};

class Core {
 public:
  Core(const storage::Reader& store, Random& random_source, const Engine::Options& engine_options);

  // Reads queues, counters, running tasks and cursors.
  void recover();

  // --- queues
  Queue* find_queue(std::string_view name);
  bool has_queue(QueueNumber number) const { return queues_.contains(number); }
  // Throws StoreFailure when there is none: only a damaged store names a queue that is gone.
  Queue& queue_at(QueueNumber number);
  Queue& queue_of(const Task& task) { return queue_at(task.status.queue()); }
  // too_many_queues
  Result<void> room_for_queues(std::size_t count) const;
  // The queue of that name, made with default settings when there is none. Precondition:
  // room_for_queues(1).
  Queue& ensure_queue(const std::string& name);
  void store_queue(Queue& queue);
  // Its name is free from now on; what is in it is still there.
  void release_name(Queue& queue);
  void remove_queue(QueueNumber number);
  const std::map<std::string, Queue*, std::less<>>& queues_by_name() const { return by_name_; }
  // Retention is to look at the queue's finished tasks anew.
  void schedule_sweep(Queue& queue, FinishedClass finished_class, std::optional<Timestamp> at);

  // --- tasks
  std::optional<Task> find(const TaskId& id);
  // The same for one that is known to be as submitted: nobody looks for its status.
  std::optional<Task> find_fresh(const TaskId& id);
  TaskView view(Task task, Detail detail);
  TaskId new_id(QueueNumber queue, std::uint8_t lane);
  TaskId newest_id() const;  // no task is newer
  void add(const Task& task);
  void move(Task& task, record::TaskStatus next);
  void remove(const Task& task, Removal reason);
  // The next entry to lease from `queue`; none when paused or empty.
  Queue::Next next_of(Queue& queue);
  // nullopt: the oldest ready task is still being searched for; ask again after a tick.
  std::optional<QueueView> view(Queue& queue);

  // The task's own, else its queue's as it is now.
  std::uint32_t max_attempts(const Task& task);
  std::optional<Duration> timeout(const Task& task);

  // --- what the metrics are told (figures.h)
  // Looks up the oldest ready tasks of up to `queues_max` queues where they may have changed.
  void find_oldest_ready(std::size_t queues_max);
  // The last batch is durable: others may know of it.
  void publish_figures();
  void count_refused_settle(ErrorCode code);

  // --- answers
  void reply(Ticket ticket, Outcome outcome) {
    reply_bytes += bytes_of(outcome);
    if (ticket != 0) replies.push_back({ticket, std::move(outcome)});
  }

  // --- what a tick works on
  const storage::keys::Timer* next_timer();
  void drop_timer(const storage::keys::Timer& timer);
  std::optional<Steady> next_deadline() const;
  void stage_commit();

  const Engine::Options options;
  Random& random;
  Records records;
  FigureBook book;
  Now now;
  LeaseTable leases;
  Waiters waiters;
  // Somebody may be parked on `queue` and it may have something for them: look before the call or
  // tick is over, or in the next one when that is happening already.
  void wake_waiters(Queue& queue);
  std::vector<Queue*> wake;
  // Enough was looked at in `queue` for now: until the next tick it counts as searching, so that
  // the other calls of a group do not each go on with a long search.
  void look_again_next_tick(Queue& queue);
  void begin_tick();
  std::deque<std::unique_ptr<Job>> jobs;
  std::vector<Reply> replies;
  std::size_t reply_bytes = 0;  // about what the large ones of them hold
  std::optional<Error> failure;
  bool draining = false;
  bool stopping = false;  // draining for good: nobody is parked any more
  std::string read_only;  // why no new tasks are taken; empty: they are
  std::set<std::tuple<Timestamp, QueueNumber, FinishedClass>> sweeps;

 private:
  static std::size_t bytes_of(const Outcome& outcome);
  void count_move(const Task& task, const record::TaskStatus& next, Queue& from);
  void enter(const TaskId& id, const Places& places);
  void leave(const TaskId& id, const Places& places);
  void mark(Queue& queue);
  void subtract(Queue& queue, TaskState state);
  void lift_floor(Queue& queue, std::size_t run, const TaskId& id);

  std::vector<Queue*> looked_enough_;  // until the next tick
  std::map<QueueNumber, std::unique_ptr<Queue>> queues_;
  std::map<std::string, Queue*, std::less<>> by_name_;
  std::vector<Queue*> dirty_;
  HeadWindow<storage::keys::Timer> timers_;
  record::Commit commit_;
  std::array<std::uint64_t, refused_settle_count> settles_refused_{};
};

}  // namespace quern::engine
