// What is wrong is found, each thing under its name, and what is derived is rebuilt from the
// records.

#include "engine/audit.h"

#include <algorithm>

#include "harness.h"
#include "quern/storage/keys.h"

namespace quern::engine::testing {
namespace {

namespace keys = storage::keys;
using storage::Batch;
using storage::Table;

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// A store with a task of every kind, so that every table has something in it.
struct Furnished {
  Furnished() {
    ready = h.submit({.key = "k", .correlation = "order-1"});
    h.submit({.delay = 60s});
    h.submit({.ttl = 60s});
    returned = h.submit({.priority = 7});
    h.release(h.lease_one());
    running = h.submit({.priority = 9});
    h.lease_one();
    dead = h.submit_dead({.queue = "other"});
    h.submit({.queue = "third", .payload = std::string(5'000, ' ') + "1"});
    h.complete(h.lease_one("third"), std::string(5'000, ' ') + "2");
    REQUIRE(h.violations() == "");
  }

  std::vector<std::string> keys_of(Table table) const {
    std::vector<std::string> found;
    REQUIRE(const_cast<Harness&>(h)
                .store()
                .scan(table, {},
                      [&](std::string_view key, std::string_view) {
                        found.emplace_back(key);
                        return true;
                      })
                .has_value());
    return found;
  }
  void write(Batch::Write write) {
    REQUIRE(h.store().commit({.writes = {std::move(write)}}).has_value());
  }

  Harness h;
  TaskId ready, returned, running, dead;
};

TEST_CASE("an entry that is missing or too many is found and mended") {
  for (const Table table : {Table::ready, Table::timers, Table::finished, Table::correlation,
                            Table::keys, Table::queue_names}) {
    for (const bool missing : {true, false}) {
      CAPTURE(static_cast<int>(table));
      CAPTURE(missing);
      Furnished f;
      const std::vector<std::string> before = f.keys_of(table);
      REQUIRE(!before.empty());
      if (missing) {
        f.write({.table = table, .key = before.front(), .value = std::nullopt});
      } else {
        std::string foreign = before.front();
        foreign.back() = static_cast<char>(foreign.back() ^ 1);
        const std::size_t size = table == Table::keys ? 16 : 4;
        f.write({.table = table, .key = foreign, .value = std::string(size, 'x')});
      }
      CHECK(f.h.violations() != "");
      const Result<AuditReport> mended = repair(f.h.store());
      REQUIRE(mended.has_value());
      CHECK(mended->finding_count >= 1);
      CHECK(mended->mendable_count == mended->finding_count);
      CHECK(f.h.violations() == "");
      CHECK(f.keys_of(table) == before);
    }
  }
}

TEST_CASE("counters and cursors are rebuilt from what a scan finds") {
  Furnished f;
  std::string wanted;
  const auto change = [&](auto&& spoil) {
    for (const std::string& key : f.keys_of(Table::counters)) {
      std::string bytes;
      REQUIRE(*f.h.store().get(Table::counters, key, bytes));
      record::QueueCounters counters;
      REQUIRE(counters.ParseFromString(bytes));
      spoil(counters);
      f.write({.table = Table::counters, .key = key, .value = counters.SerializeAsString()});
    }
  };
  SUBCASE("a count") {
    change([](record::QueueCounters& c) { c.set_by_state(2, c.by_state(2) + 1); });
    wanted = "ready, a scan finds";
  }
  SUBCASE("no counters at all") {
    for (const std::string& key : f.keys_of(Table::counters)) {
      f.write({.table = Table::counters, .key = key, .value = std::nullopt});
    }
    wanted = "counts 0";
  }
  SUBCASE("counters that are none") {
    for (const std::string& key : f.keys_of(Table::counters)) {
      f.write({.table = Table::counters, .key = key, .value = "\xff\xff"});
    }
    wanted = "are damaged";
  }
  SUBCASE("lane_done") {
    change([](record::QueueCounters& c) {
      for (std::string& id : *c.mutable_lane_done()) id = std::string(16, '\x7f');
    });
    wanted = "lane_done";
  }
  SUBCASE("ready_from") {
    change([](record::QueueCounters& c) {
      for (std::string& tail : *c.mutable_ready_from()) tail = std::string(24, '\xff');
    });
    wanted = "ready_from";
  }
  SUBCASE("dead_from") {
    change([](record::QueueCounters& c) { c.set_dead_from(std::string(24, '\xff')); });
    wanted = "dead_from";
  }
  SUBCASE("run_from") {
    change([](record::QueueCounters& c) {
      for (std::string& id : *c.mutable_run_from()) id = std::string(16, '\x7f');
    });
    wanted = "run_from";
  }
  SUBCASE("the last commit") {
    f.write({.table = Table::meta, .key = std::string(keys::last_commit), .value = std::nullopt});
    wanted = "timers, a scan finds";
  }
  const std::string found = f.h.violations();
  CAPTURE(found);
  CHECK(contains(found, wanted));
  REQUIRE(repair(f.h.store()).has_value());
  CHECK(f.h.violations() == "");

  // And the engine goes on with it.
  f.h.restart();
  CHECK(f.h.lease_one().id == f.returned);
  CHECK(f.h.lease_one().id == f.ready);
  CHECK(f.h.dead_ids("other") == std::vector<TaskId>{f.dead});
  CHECK(f.h.violations() == "");
}

TEST_CASE("what is lost for good is said and left as it is") {
  Furnished f;
  std::string wanted;
  SUBCASE("a body") {
    f.write({.table = Table::tasks, .key = keys::task(f.dead), .value = std::nullopt});
    wanted = "status has something of task " + f.dead.text() + ", which is not there";
  }
  SUBCASE("a body that is none") {
    f.write({.table = Table::tasks, .key = keys::task(f.ready), .value = "\xff\xff"});
    wanted = "the body of task " + f.ready.text() + " is damaged";
  }
  SUBCASE("a payload") {
    const std::string key = f.keys_of(Table::blobs).front();
    f.write({.table = Table::blobs, .key = key, .value = std::nullopt});
    wanted = "is missing from blobs";
  }
  SUBCASE("a queue") {
    const std::string key = f.keys_of(Table::queues).front();
    f.write({.table = Table::queues, .key = key, .value = std::nullopt});
    wanted = "which is not there";
  }
  SUBCASE("a lease") {
    f.write({.table = Table::running, .key = keys::id(f.running), .value = ""});
    wanted = "is in queue number 0, which is not there";
  }
  REQUIRE(repair(f.h.store()).has_value());
  const std::string left = f.h.violations();
  CAPTURE(left);
  CHECK(contains(left, wanted));
}

TEST_CASE("a status that contradicts itself is said, each thing by its name") {
  struct Row {
    const char* wanted;
    TaskId Furnished::*task;
    void (*spoil)(record::TaskStatus&);
  };
  constexpr auto running = &Furnished::running;
  constexpr auto dead = &Furnished::dead;
  for (const Row& row : {
           Row{"is in a state that does not exist", dead,
               [](record::TaskStatus& s) { s.set_state(task_state_count); }},
           Row{"which is running, has no lease", running,
               [](record::TaskStatus& s) { s.clear_lease(); }},
           Row{"which is running, has a lease without a token", running,
               [](record::TaskStatus& s) { s.mutable_lease()->set_token("short"); }},
           Row{"which is dead, has a lease", dead,
               [](record::TaskStatus& s) { s.mutable_lease(); }},
           Row{"which is ready, is in the wrong table", running,
               [](record::TaskStatus& s) {
                 s.set_state(static_cast<std::uint32_t>(TaskState::ready));
               }},
           Row{"which is dead, has the wrong time of finishing", dead,
               [](record::TaskStatus& s) { s.clear_finished_at(); }},
           Row{"which is running, has the wrong time of finishing", running,
               [](record::TaskStatus& s) { s.set_finished_at(1); }},
           Row{"which is dead, has the wrong dead_reason", dead,
               [](record::TaskStatus& s) { s.clear_dead_reason(); }},
           Row{"which is running, has the wrong dead_reason", running,
               [](record::TaskStatus& s) { s.set_dead_reason(1); }},
       }) {
    CAPTURE(std::string(row.wanted));
    Furnished f;
    const Table table = row.task == running ? Table::running : Table::status;
    const std::string key = keys::id(f.*row.task);
    std::string bytes;
    REQUIRE(*f.h.store().get(table, key, bytes));
    record::TaskStatus status;
    REQUIRE(status.ParseFromString(bytes));
    row.spoil(status);
    f.write({.table = table, .key = key, .value = status.SerializeAsString()});
    const std::string found = f.h.violations();
    CAPTURE(found);
    CHECK(contains(found, row.wanted));
  }
}

TEST_CASE("records and keys that are none are said") {
  struct Row {
    Table table;
    const char* wanted;
    bool mendable;
  };
  for (const Row& row : {Row{Table::queues, "the record of queue number", false},
                         Row{Table::status, "the status of task", false},
                         Row{Table::meta, "the record of the last commit is damaged", true}}) {
    CAPTURE(std::string(row.wanted));
    Furnished f;
    for (const std::string& key : f.keys_of(row.table)) {
      if (row.table == Table::meta && key != keys::last_commit) continue;
      f.write({.table = row.table, .key = key, .value = "\xff\xff"});
    }
    const Result<AuditReport> report = audit(f.h.store());
    REQUIRE(report.has_value());
    const auto found =
        std::find_if(report->findings.begin(), report->findings.end(),
                     [&](const Finding& finding) { return contains(finding.text, row.wanted); });
    REQUIRE(found != report->findings.end());
    CHECK(found->mendable == row.mendable);
  }
  for (const Table table : {Table::ready, Table::moved, Table::blobs, Table::failures}) {
    CAPTURE(static_cast<int>(table));
    Furnished f;
    f.write({.table = table, .key = "short", .value = ""});
    CHECK(contains(f.h.violations(), "has a key that is none"));
  }
}

TEST_CASE("a cursor of the timers that would pass over one, and counters of nobody, are mended") {
  Furnished f;
  std::string wanted;
  SUBCASE("timers_from") {
    std::string bytes;
    REQUIRE(*f.h.store().get(Table::meta, keys::last_commit, bytes));
    record::Commit commit;
    REQUIRE(commit.ParseFromString(bytes));
    commit.set_timers_from(f.h.now.wall.ms + 1'000'000);
    f.write({.table = Table::meta,
             .key = std::string(keys::last_commit),
             .value = commit.SerializeAsString()});
    wanted = "would pass over a timer (timers_from)";
  }
  SUBCASE("counters") {
    f.write({.table = Table::counters, .key = keys::queue(77), .value = ""});
    wanted = "there are counters of a queue that is not there";
  }
  const std::string found = f.h.violations();
  CAPTURE(found);
  CHECK(contains(found, wanted));
  REQUIRE(repair(f.h.store()).has_value());
  CHECK(f.h.violations() == "");
}

TEST_CASE("a store without anything is sound, and a report keeps the first findings only") {
  Harness empty;
  CHECK(audit(empty.store())->sound());
  Furnished f;
  for (int i = 0; i < 50; ++i) {
    f.write({.table = Table::moved, .key = "1234" + std::string(15, 'x') + char(i), .value = ""});
  }
  const Result<AuditReport> report = audit(f.h.store(), 10);
  REQUIRE(report.has_value());
  CHECK(report->finding_count == 50);
  CHECK(report->findings.size() == 10);
  CHECK(report->task_count == 7);
}

}  // namespace
}  // namespace quern::engine::testing
