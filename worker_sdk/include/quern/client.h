// Talks to a Quern server: everything a producer, a worker or an operator can ask for.
//
// Shape    One synchronous call per route. A pool of keep-alive connections is behind it, one per
//          thread that is calling just now.
// Threads  any number may call at once.
// Errors   ApiError with the problem's code; `unreachable` when there was no answer in time;
//          `bad_response` when what came is no answer of a Quern server that we understand.
//          A name or id that is empty, "." or ".." is refused (invalid_argument) and not sent.
//          Calls that are safe to repeat are repeated, with backoff and jitter, for up to
//          ClientOptions::retry_for while the server is unreachable or says "later" (429, 503).
// Source   docs/openapi.yaml.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "quern/errors.h"
#include "quern/operations.h"
#include "quern/queue.h"
#include "quern/server_info.h"
#include "quern/task.h"

namespace quern {

struct ClientOptions {
  std::string server = "http://127.0.0.1:7480";  // or https://
  std::string token = {};                        // empty: the server asks for none
  std::string ca_file = {};  // PEM of the authorities to trust for https; empty: the system's
  Duration connect_timeout{5'000};
  // For one attempt of one call, beyond the time that the call waits on purpose.
  Duration timeout{30'000};
  // How long safe calls are repeated before they throw. Zero: never repeated.
  Duration retry_for{30'000};
  std::size_t connections_idle_max = 16;
};

template <typename T>
struct Page {
  std::vector<T> items = {};
  std::string next_cursor = {};  // empty: this was the last page
};

struct PageOptions {
  std::uint32_t limit = 100;  // 1..1000
  std::string cursor = {};    // a Page's next_cursor
};

// Which tasks to list. At least one of queue and correlation_id is needed.
struct TaskQuery {
  std::string queue = {};
  std::optional<TaskState> state = {};
  std::string type = {};
  std::string correlation_id = {};
  PageOptions page = {};
};

enum class SettleOp : std::uint8_t { complete, fail, heartbeat, release };

// What to do with one leased task. The fields below `lease_token` belong to the ops they name.
struct Settlement {
  SettleOp op = SettleOp::complete;
  std::string id = {};
  std::string lease_token = {};
  std::string result = {};  // complete: JSON text; empty: null
  TaskError error = {};     // fail
  bool retryable = true;
  std::optional<Duration> retry_after = {};
  std::optional<Duration> lease = {};  // heartbeat: how long from now; nullopt: the task's own
  std::string progress = {};           // heartbeat: JSON text; empty: none
  Duration delay{0};                   // release
};

// What became of one Settlement: a state, or a problem.
struct Settled {
  std::string id = {};
  std::optional<TaskState> state = {};
  std::optional<Timestamp> lease_expires_at = {};  // of a heartbeat
  std::optional<Error> problem = {};  // lease_lost, task_finished, payload_too_large, …
};

struct LeaseRequest {
  std::vector<std::string> queues = {};  // 1..100; they need not exist yet
  std::uint32_t max_tasks = 1;           // 0..1000; 0: only settle
  Duration wait{0};                      // until at least one task is ready
  std::optional<Duration> lease = {};    // overrides the tasks' own
  std::string worker_id = {};            // shown to people
  std::vector<Settlement> settle = {};   // done first
  // How long the answer may take beyond `wait`, where that is less than ClientOptions::timeout.
  std::optional<Duration> timeout = {};
};

struct LeaseAnswer {
  std::vector<Task> tasks = {};  // with payload and lease token
  std::vector<Settled> settled = {};
};

// Which dead tasks to redrive or discard: of these `ids`, or of `all`, those that match the rest.
// One of the two must be said, so that an empty list of ids never means everything.
struct DeadFilter {
  std::vector<std::string> ids = {};
  bool all = false;
  std::string type = {};
  std::optional<DeadReason> dead_reason = {};
  std::string error_type = {};
  std::optional<Timestamp> before = {};     // died before
  std::optional<std::uint64_t> limit = {};  // those that died first
};

struct RedriveOptions {
  std::string to_queue = {};                   // empty: the queue they died in
  std::optional<double> rate_per_second = {};  // nullopt: all at once
};

struct WatchOptions {
  Duration interval{1'000};  // between two looks at the queue; at least 10 ms
};

class Client {
 public:
  // Return false to end the watch.
  using QueueVisitor = std::function<bool(const Queue&)>;

  // Throws ApiError (invalid_argument) when `server` is no http or https URL, a time is negative,
  // or the token or `ca_file` cannot be used. Does not connect yet.
  explicit Client(ClientOptions options = {});
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  const ClientOptions& options() const;

  // --- Submitting. Safe to repeat: a task without an idempotency key is given one. ---

  Task submit(NewTask task);                                   // durable on return
  std::vector<Task> submit_batch(std::vector<NewTask> tasks);  // all or nothing, in order

  // --- Asking ---

  Task get(std::string_view id);
  // Returns when the task is terminal, or as it stands when `timeout` is over. A server that is
  // away is asked again until then, but not for longer than retry_for; one that is silent has three
  // seconds more.
  Task wait(std::string_view id, Duration timeout);
  Page<Task> list(const TaskQuery& query);
  Task cancel(std::string_view id);   // task_finished: there was nothing left to cancel
  Task redrive(std::string_view id);  // not_dead

  // --- Working. Worker does all this by itself. ---

  // Not repeated: what a lost answer leased comes back when its lease ends. Returns early when
  // `stop` is requested, with what the server had already leased, or throws `unreachable`.
  LeaseAnswer lease(const LeaseRequest& request, std::stop_token stop = {});
  std::vector<Settled> settle(const std::vector<Settlement>& settle);
  Task complete(const Task& leased, std::string_view result = "null");
  Task fail(const Task& leased, const TaskError& error, bool retryable = true,
            std::optional<Duration> retry_after = {});
  // The new end of the lease, by the server's clock.
  Timestamp heartbeat(const Task& leased, std::optional<Duration> lease = {},
                      std::string_view progress = {});
  Task release(const Task& leased, Duration delay = {});

  // --- Queues ---

  Page<Queue> queues(const PageOptions& page = {});
  Queue queue(std::string_view name);
  Queue queue_set(std::string_view name, const QueueSettings& settings);  // the whole of them
  // Changes what `merge_patch` names (JSON text, RFC 7396): {"max_attempts": 3, "ttl_ms": null}
  Queue queue_patch(std::string_view name, std::string_view merge_patch);
  Queue queue_pause(std::string_view name);
  Queue queue_resume(std::string_view name);
  // Calls `visit` with the queue as it is, then after every change of its counts or settings that
  // one of the looks, `interval` apart, finds; what comes and goes between two of them is not seen.
  // Returns when `stop` is requested or `visit` returns false, within the call that is under way.
  // While the server is away or busy it is asked again for ever, with growing pauses. Throws
  // ApiError when it refuses: queue_not_found, unauthorized, … Calls `visit` in this thread.
  void watch(std::string_view queue, const QueueVisitor& visit, std::stop_token stop = {},
             const WatchOptions& options = {});
  // Deletes the tasks that are in any of `states` and says how many those were: they are gone.
  // `running` is refused, as is an empty list. Not repeated after a lost answer, since a second
  // purge would also take what came in between.
  std::uint64_t queue_purge(std::string_view name, const std::vector<TaskState>& states);
  // queue_not_empty: it has unfinished or dead tasks, which `force` discards with it. Not repeated
  // after a lost answer.
  void queue_delete(std::string_view name, bool force = false);

  // --- Dead letters ---

  Page<Task> dead_list(std::string_view queue, const PageOptions& page = {});
  // How many were chosen. Not repeated after a lost answer: look at the queue, then decide.
  std::uint64_t dead_redrive(std::string_view queue, const DeadFilter& filter,
                             const RedriveOptions& options = {});
  // The same, but they are gone.
  std::uint64_t dead_discard(std::string_view queue, const DeadFilter& filter);

  // --- The server ---

  ServerInfo info();
  // What the server counts, in Prometheus' text format; docs/operations.md has the names. For a
  // token that is a reader's or an admin's, for all queues.
  std::string metrics();
  // Throws when no Quern server answers; one that is not ready is alive all the same. Not repeated.
  void check_alive();
  // Whether the server takes work now; throws when no Quern server answers. Not repeated.
  Readiness readiness();
  // Has the server go over all that it stores, beside its work: every record, index entry and
  // count. Needs an admin's token for all queues. Throws `unreachable` after `patience`: it takes
  // a second for some ten thousands of tasks.
  Diagnosis doctor(Duration patience = Duration{3'600'000});
  // From now on the server takes no tasks and gives out no leases, until drain_end() or until it is
  // started anew; what is leased is settled as ever. Returns when nothing is running any more, or
  // with how many are when `wait` is over.
  DrainStatus drain(Duration wait = {});
  void drain_end();

  // --- Backups, of a server that has a directory for them (no_backup_directory) ---

  // Returns when it is made, or throws `unreachable` after `timeout`: then look at backups(). Not
  // repeated. backup_running: one at a time. backup_failed: see the detail; no task is harmed.
  Backup backup_create(Duration timeout = Duration{3'600'000});
  Page<Backup> backups(const PageOptions& page = {});  // the newest first
  // Reads all of it. Findings are no error. backup_not_found, backup_running.
  BackupCheck backup_verify(std::uint32_t id, Duration timeout = Duration{3'600'000});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace quern
