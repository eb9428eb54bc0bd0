#include "quern/storage/keys.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <vector>

#include "quern/storage/store.h"

namespace quern::storage::test {
namespace {

TaskId id_of(std::uint64_t unix_ms, std::uint32_t queue = 7, std::uint8_t lane = 5) {
  return TaskId::from({.unix_ms = unix_ms, .queue = queue, .lane = lane, .random = 99});
}

std::string hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text.push_back(digits[static_cast<unsigned char>(c) >> 4]);
    text.push_back(digits[static_cast<unsigned char>(c) & 15]);
  }
  return text;
}

bool starts_with(const std::string& key, const std::string& prefix) {
  return key.starts_with(prefix) && key.size() > prefix.size();
}

TEST_CASE("every key is laid out as FORMAT.md draws it") {
  // A change here is a change of the format on disk.
  const TaskId id = id_of(0x0192'3456'789a, 0x0a0b0c, 3);
  const std::string id_hex = hex(id.view());
  const Timestamp time{0x0192'3456'789a};
  const std::string time_hex = "800001923456789a";
  struct Row {
    const char* name;
    std::string key;
    std::string expected;
  };
  const Row rows[] = {
      {"tasks", keys::task(id),
       "000a0b0c"
       "03" +
           id_hex},
      {"status, running", keys::id(id), id_hex},
      {"blobs", keys::blob(id, keys::BlobKind::result), id_hex + "02"},
      {"failures", keys::failure(id, 258), id_hex + "00000102"},
      {"ready", keys::ready(0x0a0b0c0d, 9, {time, id}),
       "0a0b0c0d"
       "00" +
           time_hex + id_hex},
      {"timers", keys::timer({time, keys::TimerKind::expire, id}), time_hex + "02" + id_hex},
      {"finished", keys::finished(1, keys::FinishedClass::dead, {time, id}),
       "00000001"
       "02" +
           time_hex + id_hex},
      {"keys", keys::idempotency(1, "order-1"), "00000001" + hex("order-1")},
      {"correlation", keys::correlation("c", id), hex("c") + "00" + id_hex},
      {"moved", keys::moved(2, id), "00000002" + id_hex},
      {"queues", keys::queue(0x01020304), "01020304"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(hex(row.key) == row.expected);
  }
}

TEST_CASE("a key is found under each of its prefixes") {
  const TaskId id = id_of(1000, 7, 5);
  CHECK(starts_with(keys::task(id), keys::lane_prefix(7, 5)));
  CHECK(starts_with(keys::lane_prefix(7, 5), keys::queue_prefix(7)));
  CHECK(starts_with(keys::ready(7, 2, {{5}, id}), keys::ready_prefix(7, 2)));
  CHECK(starts_with(keys::ready_prefix(7, 2), keys::queue_prefix(7)));
  CHECK(starts_with(keys::finished(7, keys::FinishedClass::done, {{5}, id}),
                    keys::finished_prefix(7, keys::FinishedClass::done)));
  CHECK(starts_with(keys::idempotency(7, "k"), keys::queue_prefix(7)));
  CHECK(starts_with(keys::moved(7, id), keys::queue_prefix(7)));
  CHECK(starts_with(keys::correlation("c", id), keys::correlation_prefix("c")));
}

TEST_CASE("one correlation id being the start of another does not mix them up") {
  CHECK(!starts_with(keys::correlation("order-12", id_of(1)), keys::correlation_prefix("order-1")));
  CHECK(keys::correlation("order-1", id_of(9)) < keys::correlation("order-12", id_of(1)));
}

TEST_CASE("what a key was made of is read back from it") {
  const TaskId id = id_of(123456, 42, 9);
  CHECK(keys::task_id_of(keys::task(id)) == id);
  CHECK(keys::trailing_id(keys::correlation("some text", id)) == id);
  CHECK(keys::trailing_id(keys::moved(3, id)) == id);
  CHECK(keys::trailing_id(keys::id(id)) == id);
  CHECK(keys::parse_queue(keys::queue(0xfffffffe)) == 0xfffffffe);
  for (const std::int64_t ms :
       {std::int64_t{0}, std::int64_t{1}, std::int64_t{-1}, std::int64_t{1'764'000'000'000},
        std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    CAPTURE(ms);
    const keys::Ready ready = keys::parse_ready(keys::ready(1, 4, {{ms}, id}));
    CHECK(ready.ready_at == Timestamp{ms});
    CHECK(ready.id == id);
    const keys::Timer timer{{ms}, keys::TimerKind::forget, id};
    CHECK(keys::parse_timer(keys::timer(timer)) == timer);
    const keys::Finished finished =
        keys::parse_finished(keys::finished(1, keys::FinishedClass::done, {{ms}, id}));
    CHECK(finished.at == Timestamp{ms});
    CHECK(finished.id == id);
  }
}

// `ordered` is in the order that its keys must sort in.
void check_order(const std::vector<std::string>& ordered) {
  std::vector<std::string> sorted = ordered;
  std::shuffle(sorted.begin(), sorted.end(), std::mt19937_64(1));
  std::sort(sorted.begin(), sorted.end());
  CHECK(sorted == ordered);
}

TEST_CASE("keys sort as the things they stand for") {
  SUBCASE("tasks: by queue, lane, then as submitted") {
    check_order({keys::task(id_of(5000, 1, 3)), keys::task(id_of(10, 1, 4)),
                 keys::task(id_of(11, 1, 4)), keys::task(id_of(0, 2, 0)),
                 keys::task(id_of(0, 256, 0)), keys::task(id_of(0, TaskId::queue_max, 0))});
  }
  SUBCASE("ready: by queue, the highest priority first, then the longest ready") {
    check_order({keys::ready(1, 9, {{500}, id_of(9)}), keys::ready(1, 5, {{300}, id_of(2)}),
                 keys::ready(1, 5, {{300}, id_of(3)}), keys::ready(1, 5, {{301}, id_of(1)}),
                 keys::ready(1, 0, {{1}, id_of(1)}), keys::ready(2, 9, {{1}, id_of(1)})});
  }
  SUBCASE("timers: by due time, whatever their kind; before 1970 too") {
    using keys::TimerKind;
    check_order({keys::timer({{-256}, TimerKind::forget, id_of(1)}),
                 keys::timer({{-1}, TimerKind::start, id_of(1)}),
                 keys::timer({{0}, TimerKind::start, id_of(1)}),
                 keys::timer({{255}, TimerKind::forget, id_of(1)}),
                 keys::timer({{256}, TimerKind::start, id_of(1)}),
                 keys::timer({{256}, TimerKind::start, id_of(2)}),
                 keys::timer({{256}, TimerKind::expire, id_of(1)})});
  }
  SUBCASE("finished: by queue, class, then time") {
    using keys::FinishedClass;
    check_order({keys::finished(1, FinishedClass::done, {{1}, id_of(2)}),
                 keys::finished(1, FinishedClass::done, {{2}, id_of(1)}),
                 keys::finished(1, FinishedClass::dead, {{1}, id_of(1)}),
                 keys::finished(2, FinishedClass::done, {{1}, id_of(1)})});
  }
  SUBCASE("failures: by number") {
    check_order({keys::failure(id_of(1), 1), keys::failure(id_of(1), 2),
                 keys::failure(id_of(1), 255), keys::failure(id_of(1), 256)});
  }
}

TEST_CASE("timers compare as their keys do") {
  std::mt19937_64 random(7);
  std::vector<keys::Timer> timers;
  timers.reserve(200);
  for (int i = 0; i < 200; ++i) {
    timers.push_back({.due = {static_cast<std::int64_t>(random() % 20) - 10},
                      .kind = static_cast<keys::TimerKind>(1 + random() % 3),
                      .id = id_of(random() % 5)});
  }
  for (const keys::Timer& a : timers) {
    for (const keys::Timer& b : timers) {
      REQUIRE((a < b) == (keys::timer(a) < keys::timer(b)));
    }
  }
}

}  // namespace
}  // namespace quern::storage::test
