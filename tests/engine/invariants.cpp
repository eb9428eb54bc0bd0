// The invariants that can be read off a store, both ways: every record has its index entries and
// every entry its record.

#include "invariants.h"

#include <array>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>

#include "engine/places.h"
#include "engine/runs.h"
#include "engine/task_record.h"
#include "quern/storage/keys.h"

namespace quern::engine::testing {

namespace keys = storage::keys;
using storage::Range;
using storage::Table;

namespace {

void must_work(bool worked) {
  if (!worked) throw std::runtime_error("the store under check cannot be read");
}

std::set<std::string> all_keys(const storage::Reader& reader, Table table) {
  std::set<std::string> found;
  must_work(reader
                .scan(table, Range{},
                      [&](std::string_view key, std::string_view) {
                        found.emplace(key);
                        return true;
                      })
                .has_value());
  return found;
}

class Checker {
 public:
  explicit Checker(const storage::Reader& reader) : reader_(reader) {}

  std::string check() {
    load_queues();
    must_work(reader_
                  .scan(Table::tasks, Range{},
                        [&](std::string_view key, std::string_view) {
                          check_task(keys::task_id_of(key));
                          return true;
                        })
                  .has_value());
    compare("ready", Table::ready, ready_);
    compare("timers", Table::timers, timers_);
    compare("finished", Table::finished, finished_);
    compare("running", Table::running, running_);
    compare("moved", Table::moved, moved_);
    compare("correlation", Table::correlation, correlation_);
    compare("failures", Table::failures, failures_);
    compare("blobs", Table::blobs, blobs_);
    for (const std::string& key : all_keys(reader_, Table::status)) {
      if (!ids_.contains(key)) report("a status without a task");
    }
    for (const std::string& key : all_keys(reader_, Table::keys)) {
      std::string id;
      if (!*reader_.get(Table::keys, key, id) || !ids_.contains(id))
        report("an idempotency key without a task");
    }
    check_names();
    check_counts();
    check_cursors();
    return out_.str();
  }

 private:
  void report(const std::string& what) { out_ << what << "\n"; }

  void load_queues() {
    must_work(reader_
                  .scan(Table::queues, Range{},
                        [&](std::string_view key, std::string_view value) {
                          record::QueueRecord stored;
                          must_work(stored.ParseFromString(std::string(value)));
                          queues_[keys::parse_queue(key)] = stored;
                          return true;
                        })
                  .has_value());
  }

  void check_task(const TaskId& id) {
    ids_.emplace(id.view());
    bodies_.insert(keys::task(id));
    const std::shared_ptr<record::TaskBody> body = *load_body(reader_, id);
    std::optional<record::TaskStatus> stored = *load_status(reader_, id);
    const record::TaskStatus status = stored ? *stored : status_as_submitted(id, *body);
    const Places places = places_of(id, *body, status, !stored);
    const TaskState state = state_of(status);
    const auto queue = queues_.find(status.queue());
    if (queue == queues_.end()) return report("task " + id.text() + " is in no queue");
    ++counts_[status.queue()][static_cast<std::size_t>(state)];

    if (places.ready_at)
      ready_.insert(keys::ready(places.queue, places.priority, {*places.ready_at, id}));
    if (places.start_at)
      timers_.insert(keys::timer({*places.start_at, keys::TimerKind::start, id}));
    if (places.expire_at)
      timers_.insert(keys::timer({*places.expire_at, keys::TimerKind::expire, id}));
    if (places.forget_at)
      timers_.insert(keys::timer({*places.forget_at, keys::TimerKind::forget, id}));
    if (places.finished) {
      finished_.insert(
          keys::finished(places.queue, places.finished->finished_class, {places.finished->at, id}));
    }
    if (places.fresh) fresh_.push_back(id);
    if (places.running) running_.insert(keys::id(id));
    if (places.moved) moved_.insert(keys::moved(places.queue, id));
    if (!body->correlation_id().empty())
      correlation_.insert(keys::correlation(body->correlation_id(), id));
    if (body->payload_apart()) blobs_.insert(keys::blob(id, keys::BlobKind::payload));
    if (status.result_apart()) blobs_.insert(keys::blob(id, keys::BlobKind::result));
    if (status.progress_apart()) blobs_.insert(keys::blob(id, keys::BlobKind::progress));
    const std::uint32_t failures = status.failure_count();
    for (std::uint32_t n = failures > 10 ? failures - 10 : 0; n < failures; ++n)
      failures_.insert(keys::failure(id, n));

    const bool running = state == TaskState::running;
    if (status.has_lease() != running)
      report("task " + id.text() + " has a lease although it does not run, or none");
    if ((status.finished_at() != 0) != is_terminal(state))
      report("task " + id.text() + ": finished_at");
    if ((status.dead_reason() != 0) != (state == TaskState::dead))
      report("task " + id.text() + ": dead_reason");
  }

  void compare(const std::string& name, Table table, const std::set<std::string>& expected) {
    const std::set<std::string> found = all_keys(reader_, table);
    for (const std::string& key : found) {
      if (!expected.contains(key)) report(name + ": an entry without a record");
    }
    for (const std::string& key : expected) {
      if (!found.contains(key)) report(name + ": a record without its entry");
    }
  }

  // Scans begin at the stored cursors, so nothing that is alive may lie before one.
  void check_cursors() {
    std::string value;
    record::Commit commit;
    if (*reader_.get(Table::meta, keys::last_commit, value))
      must_work(commit.ParseFromString(value));
    for (const std::string& key : timers_) {
      if (keys::parse_timer(key).due.ms < commit.timers_from())
        report("a timer before timers_from");
    }
    if (commit.timer_count() != timers_.size()) report("timer_count");
    for (const auto& [number, queue] : queues_) {
      record::QueueCounters counters;
      if (!*reader_.get(Table::counters, keys::queue(number), value)) continue;
      must_work(counters.ParseFromString(value));
      const std::string done = keys::finished_prefix(number, keys::FinishedClass::done);
      const std::string dead = keys::finished_prefix(number, keys::FinishedClass::dead);
      nothing_before("done_from", finished_, done, counters.done_from());
      nothing_before("dead_from", finished_, dead, counters.dead_from());
      for (int p = 0; p < counters.ready_from_size(); ++p) {
        const std::string prefix = keys::ready_prefix(number, static_cast<std::uint32_t>(p));
        nothing_before("ready_from", ready_, prefix, counters.ready_from(p));
      }
      for (std::size_t run = 0; run < run_count; ++run) {
        const std::optional<TaskId> from = run_from(counters, run);
        const std::set<std::string>& live = run == run_moved ? moved_ : bodies_;
        if (from) nothing_before("run_from", live, run_at(number, run).prefix, from->view());
      }
      for (const TaskId& id : fresh_) {
        if (id.queue() != number || id.lane() >= counters.lane_done_size()) continue;
        const std::string& taken = counters.lane_done(id.lane());
        if (!taken.empty() && id.view() <= taken) report("a fresh task before lane_done");
      }
    }
  }

  void nothing_before(const std::string& name, const std::set<std::string>& live,
                      const std::string& prefix, std::string_view cursor) {
    const auto first = live.lower_bound(prefix);
    if (first == live.end() || !first->starts_with(prefix)) return;
    if (*first < prefix + std::string(cursor)) report("an entry before " + name);
  }

  // A name leads to the one queue that has it and is not being removed.
  void check_names() {
    std::set<std::string> expected;
    for (const auto& [number, queue] : queues_) {
      if (queue.deleting()) continue;
      expected.insert(queue.name());
      std::string value;
      if (!*reader_.get(Table::queue_names, queue.name(), value) || value != keys::queue(number))
        report("the name of queue " + queue.name() + " does not lead to it");
    }
    compare("queue_names", Table::queue_names, expected);
  }

  void check_counts() {
    for (const auto& [number, queue] : queues_) {
      std::string value;
      record::QueueCounters counters;
      if (*reader_.get(Table::counters, keys::queue(number), value))
        must_work(counters.ParseFromString(value));
      for (std::size_t state = 0; state < task_state_count; ++state) {
        const int i = static_cast<int>(state);
        const std::uint64_t shown = i < counters.by_state_size() ? counters.by_state(i) : 0;
        if (shown != counts_[number][state]) {
          report("queue " + queue.name() + " counts " + std::to_string(shown) + " " +
                 std::string(to_string(static_cast<TaskState>(state))) + ", a scan " +
                 std::to_string(counts_[number][state]));
        }
      }
    }
  }

  const storage::Reader& reader_;
  std::ostringstream out_;
  std::map<keys::QueueNumber, record::QueueRecord> queues_;
  std::map<keys::QueueNumber, std::array<std::uint64_t, task_state_count>> counts_;
  std::set<std::string, std::less<>> ids_;
  std::vector<TaskId> fresh_;
  std::set<std::string> ready_, timers_, finished_, running_, moved_, correlation_, failures_,
      blobs_, bodies_;
};

}  // namespace

std::string violations(const storage::Reader& reader) { return Checker(reader).check(); }

}  // namespace quern::engine::testing
