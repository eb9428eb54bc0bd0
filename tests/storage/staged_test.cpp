#include "quern/storage/staged.h"

#include <doctest/doctest.h>

#include <set>

#include "stores.h"

namespace quern::storage::test {
namespace {

const Table table = Table::status;
const Range backward{.begin = "", .end = "", .direction = Direction::backward};

TEST_CASE_TEMPLATE("staged writes are read before they are committed, the base after them", Home,
                   MemoryHome, RocksHome) {
  Home home;
  commit(home.store(), {put(table, "a", "base"), put(table, "c", "base"), put(table, "e", "base")});
  Staged staged(home.store());
  staged.put(table, "b", "staged");
  staged.put(table, "c", "staged");
  staged.erase(table, "e");
  staged.erase(table, "never written");

  CHECK(get(staged, table, "a") == "base");
  CHECK(get(staged, table, "b") == "staged");
  CHECK(get(staged, table, "c") == "staged");
  CHECK(get(staged, table, "e") == "(none)");
  CHECK(scan(staged, table) == Entries{{"a", "base"}, {"b", "staged"}, {"c", "staged"}});
  CHECK(scan(staged, table, backward) == Entries{{"c", "staged"}, {"b", "staged"}, {"a", "base"}});
  CHECK(get(home.store(), table, "b") == "(none)");
  CHECK(get(staged, Table::tasks, "b") == "(none)");
}

TEST_CASE("what is staged becomes one batch, with one write a key") {
  MemoryStore base;
  Staged staged(base);
  CHECK(staged.empty());
  staged.put(table, "a", "1");
  staged.put(table, "a", "22");
  staged.put(Table::tasks, "t", "body");
  staged.erase(table, "a");
  CHECK(!staged.empty());
  CHECK(staged.byte_count() == 1 + 1 + 4);  // "a", and "t" with "body"

  const Batch batch = staged.take();
  CHECK(staged.empty());
  CHECK(staged.byte_count() == 0);
  REQUIRE(batch.writes.size() == 2);
  std::set<std::string> keys;
  for (const Batch::Write& write : batch.writes) keys.insert(write.key);
  CHECK(keys == std::set<std::string>{"a", "t"});
  CHECK(get(staged, table, "a") == "(none)");

  staged.put(table, "b", "after");
  CHECK(staged.take().writes.size() == 1);
}

TEST_CASE("a deletion is staged even when the base has no such key") {
  MemoryStore base;
  Staged staged(base);
  staged.erase(table, "a");
  const Batch batch = staged.take();
  REQUIRE(batch.writes.size() == 1);
  CHECK(!batch.writes[0].value);
}

TEST_CASE("an error of the base is not taken for the end of the data") {
  MemoryStore base;
  commit(base, {put(table, "a", "1")});
  Staged staged(base);
  staged.put(table, "b", "2");
  base.fail_reads(true);

  std::string value;
  CHECK(staged.get(table, "b", value).has_value());
  const Result<bool> got = staged.get(table, "a", value);
  REQUIRE(!got.has_value());
  CHECK(got.error().code == ErrorCode::store_unavailable);

  int visited = 0;
  const Result<void> scanned = staged.scan(table, {}, [&](std::string_view, std::string_view) {
    ++visited;
    return true;
  });
  REQUIRE(!scanned.has_value());
  CHECK(scanned.error().code == ErrorCode::store_unavailable);
  CHECK(visited == 0);
}

TEST_CASE("a visitor may stage writes while it scans") {
  MemoryStore base;
  commit(base, {put(table, "a", ""), put(table, "c", ""), put(table, "e", "")});
  for (const Direction direction : {Direction::forward, Direction::backward}) {
    Staged staged(base);
    staged.put(table, "d", "");
    std::vector<std::string> seen;
    const Range range{.begin = "", .end = "", .direction = direction};
    const Result<void> scanned =
        staged.scan(table, range, [&](std::string_view key, std::string_view) {
          seen.emplace_back(key);
          staged.erase(table, seen.back());
          staged.put(Table::tasks, seen.back(), "");
          return true;
        });
    CHECK(scanned.has_value());
    CHECK(seen.size() == 4);
    CHECK(scan(staged, table).empty());
    CHECK(scan(staged, Table::tasks).size() == 4);
  }
}

TEST_CASE_TEMPLATE("staged writes over any base agree with a sorted map", Home, MemoryHome,
                   RocksHome) {
  const std::uint64_t seed = choose_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  Home home;
  Staged staged(home.store());
  std::map<std::string, std::string> model;
  for (int step = 0; step < 3000; ++step) {
    CAPTURE(step);
    const std::string key = random_key(random);
    switch (below(random, 6)) {
      case 0:
      case 1:
        model[key] = std::to_string(step);
        staged.put(table, key, model[key]);
        break;
      case 2:
        model.erase(key);
        staged.erase(table, key);
        break;
      case 3:
        if (below(random, 10) == 0) commit(home.store(), staged.take().writes);
        break;
      case 4:
        REQUIRE(get(staged, table, key) == (model.contains(key) ? model[key] : "(none)"));
        break;
      default: {
        const Range range = random_range(random);
        const std::size_t count_max = 1 + below(random, 20);
        REQUIRE(scan(staged, table, range, count_max) == expected_scan(model, range, count_max));
      }
    }
  }
  commit(home.store(), staged.take().writes);
  CHECK(scan(home.store(), table) == Entries(model.begin(), model.end()));
}

}  // namespace
}  // namespace quern::storage::test
