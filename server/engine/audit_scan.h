// One walk over a store for audit.h: records first, then the entries of indexes, then what is
// counted.
//
// Threads  none.
// Errors   StoreFailure (records.h) when a read fails.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/audit.h"
#include "engine/runs.h"
#include "quern/protocol/limits.h"
#include "quern/protocol/task_id.h"
#include "quern/protocol/task_state.h"
#include "quern/storage/keys.h"
#include "quern/storage/records.pb.h"

namespace quern::engine {

class AuditScan {
 public:
  // `mend`: the writes that put it right; empty when nothing can.
  using Found = std::function<void(std::string text, std::vector<storage::Batch::Write> mend)>;

  AuditScan(const storage::Reader& reader, AuditReport& report, Found found);

  void run();

 private:
  using QueueNumber = storage::keys::QueueNumber;

  // What a queue's counters must say, as the walk finds it. Keys are whole keys of the tables.
  struct Tally {
    std::string name;
    bool deleting = false;
    std::array<std::uint64_t, task_state_count> counts{};
    std::array<std::optional<TaskId>, limits::priority_max + 1> fresh;  // first of each lane
    // Last of each lane that was leased fresh and has no status but its lease\'s.
    std::array<std::optional<TaskId>, limits::priority_max + 1> taken;
    std::array<std::optional<std::string>, limits::priority_max + 1>
        ready;                                           // first of each priority
    std::array<std::optional<std::string>, 2> finished;  // first done, first dead
    std::array<std::optional<TaskId>, run_count> run;    // first of each run
  };

  struct Entry {
    storage::Table table;
    std::string key;
  };
  struct Known {
    record::TaskBody body;
    record::TaskStatus status;
    bool as_submitted = false;
  };

  void load_queues();
  void check_tasks();
  void check_task(const TaskId& id, std::string_view value);
  void check_state(const TaskId& id, const Known& task);
  void check_key(const TaskId& id, const Known& task);
  void count(const TaskId& id, const Known& task, const std::vector<Entry>& entries);
  // Of the tables that are nothing but an index.
  void check_index(storage::Table table);
  void check_keys_table();
  // Of the tables that hold something of a task's.
  void check_parts(storage::Table table);
  void check_counters();
  void check_cursors(QueueNumber number, const Tally& tally, record::QueueCounters& counters,
                     std::vector<std::string>& wrong);
  static std::string lane_done_of(const Tally& tally, std::uint32_t priority);
  void check_commit();
  void check_names();

  // nullopt: not there, or not a record; the latter is reported where its table is walked.
  std::optional<Known> load(const TaskId& id) const;
  static std::vector<Entry> index_entries(const TaskId& id, const Known& task);
  static std::vector<Entry> parts(const TaskId& id, const Known& task);

  bool has(storage::Table table, std::string_view key) const;
  bool get(storage::Table table, std::string_view key, std::string& value) const;
  void scan(storage::Table table,
            const std::function<void(std::string_view key, std::string_view value)>& visit) const;
  void report(std::string text, std::vector<storage::Batch::Write> mend = {});

  const storage::Reader& reader_;
  AuditReport& report_;
  const Found found_;
  std::map<QueueNumber, Tally> queues_;
  std::uint64_t timer_count_ = 0;
  std::optional<std::int64_t> first_due_;
  std::optional<TaskId> newest_;
};

}  // namespace quern::engine
