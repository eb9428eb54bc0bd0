// The inside of Worker: who leases, who runs handlers, who reports.
//
//   leasing.cpp    the caller of run()           watching.cpp   the watch
//   running.cpp    the handler threads           draining.cpp   how a pool ends
//   reporting.cpp  the reporter                  pool.cpp       the rest
//
// Shape    Four kinds of threads around one mutex:
//            the caller of run()  leases as many tasks as there is room for, and takes along the
//                                 reports that have gathered: one round trip for both when busy
//            `concurrency` others run handlers and put the outcome into the outbox
//            the reporter         sends heartbeats; and the outbox, while the first is parked in a
//                                 long poll, waits for room, or has ended
//            the watch            asks handlers to stop in time, and gives back what waits too long
//                                 for one
// Errors   Nothing that the server says or fails to say ends the loop, except a refusal of the very
//          first lease call.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "backoff.h"
#include "quern/protocol/limits.h"
#include "quern/worker.h"
#include "worker/attempt.h"
#include "worker/outbox.h"
#include "worker/portion.h"
#include "worker/prefetch.h"

namespace quern {

class Pool {
 public:
  Pool(Client& client, WorkerOptions options);

  void add(std::string type, Worker::Handler handler);  // before run(); empty type: any other
  void run();
  void stop();
  WorkerStats stats() const;

  // For Context.
  Client& client() { return client_; }
  OnceStore* once_store() const { return options_.once_store; }
  void log(LogLevel level, const std::string& text) noexcept;
  Timestamp deadline(const Attempt& attempt) const;
  void show_progress(Attempt& attempt, std::string json);

 private:
  using SteadyTime = Attempt::SteadyTime;

  // So long a task waits for a handler at most. Prefetched ones start within milliseconds; when
  // handlers suddenly take long, another worker shall have them.
  static constexpr Duration start_wait_max{1'000};

  static constexpr std::size_t unknown_types_max = 1'000;

  // The caller of run().
  std::optional<Error> lease_until_stopped();  // the refusal, if the first call was refused
  std::optional<LeaseRequest> next_lease(bool quiet);
  void await_room(std::unique_lock<std::mutex>& lock, bool quiet);
  std::size_t in_hand_max() const { return options_.concurrency + prefetch_.count(); }
  void pause_leasing(Duration time);
  Duration call_timeout() const;
  bool learn_limits(const LeaseRequest& refused, const Error& error);
  void begin(std::vector<Task> tasks, const LeaseRequest& request, SteadyTime asked_at);
  void drain();
  void close();  // ends the other threads
  bool wait_until_idle(SteadyTime until, bool running_too);
  void release_unstarted();
  void ask_running_to_stop();
  void release_running();

  // Handler threads.
  void run_handlers();
  std::shared_ptr<Attempt> next_attempt(std::unique_lock<std::mutex>& lock);
  void wake_handler();
  std::string finish(const Attempt& attempt, Settlement outcome);
  bool is_worth_a_line(const Worker::Handler* handler, const std::string& type);
  void drop(const Attempt& attempt);
  void one_less_in_hand();
  const Worker::Handler* handler_for(const std::string& type) const;

  // The reporter.
  void report_until_closed();
  std::vector<Settlement> next_report();
  SteadyTime next_report_at() const;
  bool may_report() const { return parked_ || draining_; }
  void add_heartbeats(Report& report, SteadyTime now);

  // The watch.
  void watch_until_closed();
  void watch_from(SteadyTime at);  // looks again then, if it would not before
  void give_back_waiting(SteadyTime now);
  std::vector<std::stop_source> due_to_stop(SteadyTime now) const;
  SteadyTime next_watch_at() const;

  // Both of those that talk to the server.
  std::optional<Error> report(std::vector<Settlement> batch);
  std::optional<Error> report_apart(std::vector<Settlement> batch);
  void settled(const std::vector<Settlement>& sent, const std::vector<Settled>& answers,
               SteadyTime sent_at);
  void settled_one(const Settlement& sent, const Settled& answer, SteadyTime sent_at);
  void refused(const Settlement& sent, const Error& error);
  void tell_settled(const Settlement& sent, const Settled& answer) noexcept;
  void undelivered(std::vector<Settlement> batch);
  void missed_heartbeat(Settlement beat);
  static bool is_refusal(ErrorCode code);
  void server_answered();
  void server_failed(const Error& error);

  Client& client_;  // the handlers'
  WorkerOptions options_;
  Client own_client_;  // never repeats a call by itself: the loop knows better when
  std::map<std::string, Worker::Handler, std::less<>> handlers_;
  std::stop_source stopping_;
  std::stop_source closing_;  // nobody waits for answers any more

  mutable std::mutex mutex_;
  std::condition_variable lease_wake_;
  std::condition_variable handler_wake_;
  std::condition_variable report_wake_;
  std::condition_variable watch_wake_;
  std::condition_variable idle_wake_;
  // By lease token, which is the attempt's own.
  std::unordered_map<std::string_view, std::shared_ptr<Attempt>> attempts_;
  std::deque<std::shared_ptr<Attempt>> unstarted_;  // these are in attempts_, too
  // What the server takes of one lease call, where that is less than we would ask for.
  std::size_t lease_tasks_max_ = limits::lease_tasks_max;
  Duration wait_max_ = limits::wait_max;
  std::size_t handlers_idle_ = 0;
  bool handler_waking_ = false;  // one was told to wake, and has not yet
  Prefetch prefetch_;
  Portion portion_;
  // The shortest of the last answer's leases: what the next one's may be like.
  Duration lease_seen_ = QueueSettings{}.lease;
  std::optional<SteadyTime> stopped_at_;
  std::optional<std::size_t> lease_when_;     // the leasing thread waits until so few are in hand
  SteadyTime report_at_ = SteadyTime::max();  // when the reporter looks by itself
  SteadyTime watch_at_ = SteadyTime::max();   // when the watch does
  Outbox outbox_;
  std::size_t in_flight_ = 0;  // reports taken from the outbox and not answered yet
  SteadyTime report_not_before_{};
  std::set<std::string> unknown_types_;  // of tasks that came, and were warned of
  bool parked_ = false;                  // the leasing thread will not take reports along soon
  bool draining_ = false;                // the leasing thread has ended
  bool closed_ = false;
  bool away_ = false;  // the server did not answer the last call
  WorkerStats stats_;

  std::mutex log_mutex_;
  std::mutex on_settled_mutex_;
};

}  // namespace quern
