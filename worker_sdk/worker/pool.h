// The inside of Worker: who leases, who runs handlers, who reports.
//
//   leasing.cpp    the caller of run()           draining.cpp   how a pool ends
//   running.cpp    the handler threads           pool.cpp       the rest
//   reporting.cpp  the reporter
//
// Shape    Three kinds of threads around one mutex:
//            the caller of run()  leases as many tasks as there are free slots, and takes along the
//                                 reports that have gathered: one round trip for both when busy
//            `concurrency` others run handlers and put the outcome into the outbox
//            the reporter         sends heartbeats; and the outbox, while the first is parked in a
//                                 long poll or has ended
// Errors   Nothing that the server says or fails to say ends the loop, except a refusal of the very
//          first lease call.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "backoff.h"
#include "quern/worker.h"
#include "worker/attempt.h"
#include "worker/outbox.h"

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
  void log(LogLevel level, const std::string& text);
  Timestamp deadline(const Attempt& attempt) const;
  void show_progress(Attempt& attempt, std::string json);

 private:
  using SteadyTime = Attempt::SteadyTime;

  // So long before its attempt's time-out a handler is asked to stop.
  static constexpr Duration timeout_notice{1'000};
  // By how much a lease may seem cut short when it is not: rounding, and clocks that are slewed.
  static constexpr Duration clock_tolerance{250};

  // The caller of run().
  std::optional<Error> lease_until_stopped();  // the refusal, if the first call was refused
  std::optional<LeaseRequest> next_lease(bool quiet);
  void pause_leasing(Duration time);
  void begin(std::vector<Task> tasks, SteadyTime asked_at);
  void expect_timeout(Attempt& attempt, SteadyTime now) const;
  void drain();
  void close();  // ends the other threads
  bool wait_until_idle(Duration time_max, bool running_too);
  void release_unstarted();
  void ask_running_to_stop();
  void release_running();

  // Handler threads.
  void run_handlers();
  std::shared_ptr<Attempt> next_attempt();
  void wake_handler();
  void finish(const std::shared_ptr<Attempt>& attempt, Settlement outcome);
  const Worker::Handler* handler_for(const std::string& type) const;

  // The reporter.
  void report_until_closed();
  std::vector<Settlement> next_report();
  SteadyTime next_report_at() const;
  bool may_report() const { return parked_ || draining_; }
  std::vector<std::stop_source> due_to_stop(SteadyTime now) const;
  void add_heartbeats(std::vector<Settlement>& batch, SteadyTime now);

  // Both of those that talk to the server.
  std::optional<Error> report(std::vector<Settlement> batch);
  void settled(const std::vector<Settlement>& sent, const std::vector<Settled>& answers,
               SteadyTime sent_at);
  void settled_one(const Settlement& sent, const Settled& answer, SteadyTime sent_at);
  void refused(const Settlement& sent, const Error& error);
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

  mutable std::mutex mutex_;
  std::condition_variable lease_wake_;
  std::condition_variable handler_wake_;
  std::condition_variable report_wake_;
  std::condition_variable idle_wake_;
  std::unordered_map<std::string, std::shared_ptr<Attempt>> attempts_;  // by lease token
  std::deque<std::shared_ptr<Attempt>> unstarted_;  // these are in attempts_, too
  std::size_t handlers_idle_ = 0;
  bool handler_waking_ = false;  // one was told to wake, and has not yet
  std::size_t lease_when_ = 0;   // the leasing thread waits until no more slots are taken
  SteadyTime report_at_ = SteadyTime::max();  // when the reporter looks by itself
  Outbox outbox_;
  std::size_t in_flight_ = 0;  // reports taken from the outbox and not answered yet
  SteadyTime report_not_before_{};
  bool parked_ =
      false;  // the leasing thread is in a long poll: it will not take reports along soon
  bool draining_ = false;  // the leasing thread has ended
  bool closed_ = false;
  bool away_ = false;  // the server did not answer the last call
  WorkerStats stats_;

  std::mutex log_mutex_;
};

}  // namespace quern
