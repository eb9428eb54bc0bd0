// Runs handlers for tasks.
//
//   quern::Client client;
//   quern::Worker worker{client, {.queues = {"emails"}, .concurrency = 8}};
//   worker.handle("send", [](quern::Context& context) { send(context.payload()); });
//   worker.run_until_signal();
//
// Shape    One thread leases for all; `concurrency` threads run handlers; one more sends
//          heartbeats, and one watches the clock. While tasks keep coming, results travel with the
//          next lease call: one round trip. Handlers that are quicker than that find the next tasks
//          at hand: at most `concurrency` more are leased ahead, and what has not started within a
//          second is released, so that another worker can have it.
// Threads  Handlers run on several threads at once. stop() and stats() from any thread.
// Promises A task is completed only after its handler returned (late acknowledgement). Its lease is
//          kept alive for as long as the handler runs. When the server is away, the worker waits
//          for it for ever, then reports what it could not report and goes on consuming. Delivery
//          is at least once: a handler may see a task again, so make its effects idempotent
//          (docs/worker.md has the recipe).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "quern/client.h"
#include "quern/once.h"

namespace quern {

enum class LogLevel : std::uint8_t { debug, info, warning, error };

// Queues that share `concurrency` handler threads.
struct QueueGroup {
  std::vector<std::string> queues = {};
  std::uint32_t concurrency = 1;  // 1..1000
};

struct WorkerOptions {
  std::vector<std::string> queues = {"default"};
  std::uint32_t concurrency = 1;  // 1..1000 handlers at once
  std::string worker_id = {};     // shown to people; empty: host name and process id
  // How long a task stays ours after we were last heard of. nullopt: what the task or its queue
  // says. Heartbeats extend it, so it need not cover a handler's run time: it is how soon another
  // worker takes over from one that died.
  std::optional<Duration> lease = {};
  // Also how soon a handler learns that its task was cancelled.
  Duration heartbeat{5'000};  // at most a third of a task's lease, whatever is set here
  Duration wait{20'000};      // one long poll: 1 to 60 seconds; less where the server allows less
  // After stop(): how long running handlers may take before they are asked to stop. Five seconds
  // later their tasks are given back under them, and the last reports have five seconds more; but
  // run() returns only when every handler has.
  Duration grace{30'000};
  // More queues, each group with threads and a concurrency of its own: a bulkhead. However slow the
  // handlers of one group are, the others go on. A queue belongs to one group only.
  std::vector<QueueGroup> bulkheads = {};
  // Where Context::once() keeps what was done. Must outlive the worker; null: there is none.
  OnceStore* once_store = nullptr;
  // Called from several threads, one call at a time. What it throws is ignored. Default: warnings
  // and errors to standard error.
  std::function<void(LogLevel, std::string_view)> log = {};
  // Told how the server answered the report about a task: its new state; or a problem, when the
  // report came too late (the lease was lost, the task cancelled) or was refused. When a heartbeat
  // has said so already, nothing is reported, and `sent` is what would have been. Not told:
  // heartbeats, lost tasks whose handler had not started, and reports that the server has not
  // answered when run() returns. Called as `log` is. Reports wait for it: be quick. Whoever sets it
  // hears of failed attempts here, and not in the log.
  std::function<void(const Settlement& sent, const Settled& answer)> on_settled = {};
};

struct WorkerStats {
  std::uint64_t leased = 0;
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  std::uint64_t released = 0;
  std::uint64_t lease_lost = 0;  // reports that came too late: the task moved on, or was cancelled
  std::uint64_t reconnects = 0;  // times the server was away and came back
};

class Attempt;
class Pool;

// What handlers and effects may return as text. Not all that converts to std::string: a value of a
// JSON library may do so, and throw when it holds anything but a string.
template <typename T>
inline constexpr bool is_text = std::is_same_v<std::decay_t<T>, std::string> ||
                                std::is_same_v<std::decay_t<T>, std::string_view> ||
                                std::is_same_v<std::decay_t<T>, const char*>;

// One attempt at one task: what a handler is given. Valid while the handler runs; for one thread,
// except stop_token().
class Context {
 public:
  const Task& task() const;
  const std::string& payload() const { return task().payload; }  // JSON text
  std::uint32_t attempt() const { return task().attempts; }      // 1 on first delivery
  const std::string& correlation_id() const { return task().correlation_id; }
  const std::map<std::string, std::string>& metadata() const { return task().metadata; }

  // When the lease ends as of now, by the server's clock; heartbeats move it.
  Timestamp deadline() const;
  // Requested when the task is cancelled, its lease lost or its time-out near, or when the worker
  // is shutting down and its grace time is over. A long handler looks at it now and then, and
  // throws, `throw quern::Retry("stopped half-way", "Stopped")` say: to return is to complete the
  // task. When the worker is shutting down that gives the task back and no attempt is lost; near
  // the time-out it is a failed attempt, and so is a Release then.
  std::stop_token stop_token() const;
  bool stop_requested() const { return stop_token().stop_requested(); }

  // Shows `json` (JSON text, at most 64 KiB) on the task, with a heartbeat soon after.
  void progress(std::string_view json);

  // Submits a follow-up task. It inherits the correlation id unless it has its own. Without an
  // idempotency key it is given one made of this task's id and its own queue, type and payload: the
  // same follow-up submitted again by a later attempt is the same task, while it is unfinished or
  // within its queue's idempotency window (a day by default, counted from its creation).
  Task submit(NewTask task);
  std::vector<Task> submit_batch(std::vector<NewTask> tasks);

  // Runs `effect()`, which returns text or nothing, unless an attempt at this task has already done
  // so under `key`: then its text is returned and nothing is run. Needs WorkerOptions::once_store,
  // else throws std::logic_error. A crash between the effect and its mark repeats the effect
  // (quern/once.h has the way to rule that out).
  template <typename Function>
  std::string once(std::string_view key, Function effect) {
    using Returned = std::invoke_result_t<Function&>;
    if constexpr (std::is_void_v<Returned>) {
      return run_once(key, [&] {
        effect();
        return std::string{};
      });
    } else {
      static_assert(is_text<Returned>, "an effect returns text or nothing");
      return run_once(key, [&] { return std::string(effect()); });
    }
  }

  // What a log line about this attempt should carry: task_id, queue, type, attempt, correlation_id.
  std::vector<std::pair<std::string, std::string>> log_fields() const;
  // To WorkerOptions::log, with these fields: "charged task_id=… queue=… …".
  void log(LogLevel level, std::string_view text) const;

  Client& client() const;

 private:
  friend class Pool;
  Context(Pool& pool, std::shared_ptr<Attempt> attempt);
  using FollowUps = std::map<std::string, std::uint32_t>;  // how often each was submitted
  void inherit(NewTask& task, FollowUps& added) const;
  void count(const FollowUps& added);
  std::string run_once(std::string_view key, const std::function<std::string()>& effect);

  Pool& pool_;
  std::shared_ptr<Attempt> attempt_;
};

class Worker {
 public:
  // The result, as JSON text. Empty is null.
  using Handler = std::function<std::string(Context&)>;

  // `client` must outlive the worker. Throws ApiError (invalid_argument) for options out of range.
  Worker(Client& client, WorkerOptions options);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // `function(Context&)` runs tasks of `type` and returns JSON text or nothing. A task of a type
  // without handler fails (retryable), so that another worker can have it. Register before run().
  template <typename Function>
  Worker& handle(std::string type, Function function) {
    return add(std::move(type), wrap(std::move(function)));
  }
  // Runs tasks of every type that has no handler of its own.
  template <typename Function>
  Worker& handle_any(Function function) {
    return add({}, wrap(std::move(function)));
  }

  // Leases and runs until stop(); returns when everything is reported or released and every handler
  // has returned. Throws ApiError when the very first lease call is refused (a bad token or queue
  // name, say). Call it once.
  void run();
  // The same, and a requested `stop` calls stop(): what a std::jthread runs.
  void run(std::stop_token stop);
  // The same, and SIGTERM and SIGINT call stop(). A second signal ends the process at once, unless
  // it comes within a second: one stop may be signalled twice, to the group and by a wrapper.
  // Several workers of one process may do so, each in a thread: the first signal stops them all.
  void run_until_signal();

  // Leases nothing more, releases what has not started without counting an attempt, and lets
  // run() return once the running handlers are done. Does not wait. Not for signal handlers.
  void stop();

  WorkerStats stats() const;

 private:
  template <typename Function>
  static Handler wrap(Function function) {
    static_assert(std::is_copy_constructible_v<Function>,
                  "a handler can be copied: what it captures by move goes into a std::shared_ptr");
    using Returned = std::invoke_result_t<Function&, Context&>;
    if constexpr (std::is_void_v<Returned>) {
      return [function = std::move(function)](Context& context) mutable {
        function(context);
        return std::string{};
      };
    } else {
      static_assert(is_text<Returned>,
                    "a handler returns JSON text or nothing: json_text() makes it of a JSON value");
      return [function = std::move(function)](Context& context) mutable {
        return std::string(function(context));
      };
    }
  }
  Worker& add(std::string type, Handler handler);

  std::vector<std::unique_ptr<Pool>> pools_;  // of `queues`, then of each bulkhead
};

}  // namespace quern
