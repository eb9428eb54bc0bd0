// What every Store promises, held against each of them.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "stores.h"

namespace quern::storage::test {
namespace {

const Table table = Table::status;

TEST_CASE_TEMPLATE("a value comes back byte for byte", Home, MemoryHome, RocksHome) {
  Home home;
  const std::string binary("\0\n\xff\x80 {}", 7);
  commit(home.store(),
         {put(table, "empty", ""), put(table, "binary", binary),
          put(table, std::string("\0\xff", 2), "a binary key"), put(table, "", "an empty key"),
          put(table, "large", std::string(1 << 21, 'x'))});
  CHECK(get(home.store(), table, "empty") == "");
  CHECK(get(home.store(), table, "binary") == binary);
  CHECK(get(home.store(), table, std::string_view("\0\xff", 2)) == "a binary key");
  CHECK(get(home.store(), table, "") == "an empty key");
  CHECK(get(home.store(), table, "large").size() == 1 << 21);
  CHECK(get(home.store(), table, "never written") == "(none)");
}

TEST_CASE_TEMPLATE("keys of any length are kept", Home, MemoryHome, RocksHome) {
  Home home;
  const std::vector<std::size_t> sizes{1, 15, 16, 62, 63, 64, 65, 300, 5000};
  for (const std::size_t size : sizes) {
    commit(home.store(), {put(Table::keys, std::string(size, 'k'), std::to_string(size))});
  }
  for (const std::size_t size : sizes) {
    CAPTURE(size);
    CHECK(get(home.store(), Table::keys, std::string(size, 'k')) == std::to_string(size));
  }
  CHECK(scan(home.store(), Table::keys).size() == sizes.size());
}

TEST_CASE_TEMPLATE("the last write to a key wins within a batch", Home, MemoryHome, RocksHome) {
  Home home;
  commit(home.store(), {put(table, "a", "1"), put(table, "a", "2"), put(table, "b", "1"),
                        erase(table, "b"), erase(table, "c"), put(table, "c", "3")});
  CHECK(scan(home.store(), table) == Entries{{"a", "2"}, {"c", "3"}});
}

TEST_CASE_TEMPLATE("a deleted key is gone, and deleting it again is no error", Home, MemoryHome,
                   RocksHome) {
  Home home;
  commit(home.store(), {put(table, "a", "1"), put(table, "b", "2")});
  commit(home.store(), {erase(table, "a")});
  commit(home.store(), {erase(table, "a"), erase(table, "never written")});
  CHECK(get(home.store(), table, "a") == "(none)");
  CHECK(scan(home.store(), table) == Entries{{"b", "2"}});
}

TEST_CASE_TEMPLATE("an empty batch is accepted", Home, MemoryHome, RocksHome) {
  Home home;
  commit(home.store(), {});
  CHECK(scan(home.store(), table).empty());
}

TEST_CASE_TEMPLATE("tables do not see each other's keys", Home, MemoryHome, RocksHome) {
  Home home;
  std::vector<Batch::Write> writes;
  for (int number = 2; number <= 15; ++number) {
    for (const char* key : {"", "k", "\xff\xff"}) {
      writes.push_back(put(static_cast<Table>(number), key, std::to_string(number)));
    }
  }
  commit(home.store(), std::move(writes));
  for (int number = 2; number <= 15; ++number) {
    CAPTURE(number);
    const Table each = static_cast<Table>(number);
    const std::string value = std::to_string(number);
    CHECK(get(home.store(), each, "k") == value);
    CHECK(scan(home.store(), each) == Entries{{"", value}, {"k", value}, {"\xff\xff", value}});
    CHECK(scan(home.store(), each, {.begin = "", .end = "", .direction = Direction::backward}) ==
          Entries{{"\xff\xff", value}, {"k", value}, {"", value}});
  }
}

TEST_CASE_TEMPLATE("a scan visits its range in key order, in either direction", Home, MemoryHome,
                   RocksHome) {
  Home home;
  commit(home.store(), {put(table, "b", "2"), put(table, "a", "1"), put(table, "d", "4"),
                        put(table, "c", "3"), put(table, "ba", "2.5")});
  struct Row {
    const char* begin;
    const char* end;
    Entries forward;
  };
  const Row rows[] = {
      {"", "", {{"a", "1"}, {"b", "2"}, {"ba", "2.5"}, {"c", "3"}, {"d", "4"}}},
      {"b", "c", {{"b", "2"}, {"ba", "2.5"}}},
      {"b", "", {{"b", "2"}, {"ba", "2.5"}, {"c", "3"}, {"d", "4"}}},
      {"", "b", {{"a", "1"}}},
      {"bb", "cc", {{"c", "3"}}},
      {"e", "", {}},
      {"b", "b", {}},
      {"c", "b", {}},  // the wrong way round: nothing, rather than everything
  };
  for (const Row& row : rows) {
    CAPTURE(row.begin);
    CAPTURE(row.end);
    const Entries backward(row.forward.rbegin(), row.forward.rend());
    CHECK(scan(home.store(), table, {.begin = row.begin, .end = row.end}) == row.forward);
    CHECK(scan(home.store(), table,
               {.begin = row.begin, .end = row.end, .direction = Direction::backward}) == backward);
  }
}

TEST_CASE_TEMPLATE("a scan ends when its visitor says so", Home, MemoryHome, RocksHome) {
  Home home;
  commit(home.store(), {put(table, "a", "1"), put(table, "b", "2"), put(table, "c", "3")});
  CHECK(scan(home.store(), table, {}, 2) == Entries{{"a", "1"}, {"b", "2"}});
  CHECK(scan(home.store(), table, {.begin = "", .end = "", .direction = Direction::backward}, 1) ==
        Entries{{"c", "3"}});
}

TEST_CASE_TEMPLATE("a prefix range holds the keys that start with it, and no others", Home,
                   MemoryHome, RocksHome) {
  Home home;
  commit(home.store(),
         {put(table, "a", ""), put(table, "b", ""), put(table, "b\xff", ""),
          put(table, "b\xff\xff", ""), put(table, "c", ""), put(table, "\xff\xff", "")});
  const auto count = [&](std::string_view prefix) {
    return scan(home.store(), table, prefix_range(prefix)).size();
  };
  CHECK(count("b") == 3);
  CHECK(count("b\xff") == 2);
  CHECK(count("\xff") == 1);
  CHECK(count("") == 6);
  CHECK(count("x") == 0);
}

TEST_CASE_TEMPLATE("a scan sees one instant", Home, MemoryHome, RocksHome) {
  Home home;
  commit(home.store(), {put(table, "a", "old"), put(table, "b", "old"), put(table, "c", "old")});
  Entries seen;
  const Result<void> scanned =
      home.store().scan(table, {}, [&](std::string_view key, std::string_view value) {
        seen.emplace_back(key, value);
        if (key == "a") {
          commit(home.store(), {put(table, "b", "new"), erase(table, "c"), put(table, "d", "new")});
        }
        return true;
      });
  CHECK(scanned.has_value());
  CHECK(seen == Entries{{"a", "old"}, {"b", "old"}, {"c", "old"}});
  CHECK(scan(home.store(), table) == Entries{{"a", "old"}, {"b", "new"}, {"d", "new"}});
}

TEST_CASE_TEMPLATE("a snapshot does not see later commits", Home, MemoryHome, RocksHome) {
  Home home;
  commit(home.store(), {put(table, "a", "1"), put(Table::tasks, "t", "1")});
  const std::unique_ptr<Reader> snapshot = home.store().snapshot();
  commit(home.store(), {put(table, "a", "2"), put(table, "b", "2"), erase(Table::tasks, "t")});
  CHECK(get(*snapshot, table, "a") == "1");
  CHECK(get(*snapshot, table, "b") == "(none)");
  CHECK(get(*snapshot, Table::tasks, "t") == "1");
  CHECK(scan(*snapshot, table) == Entries{{"a", "1"}});
  CHECK(get(home.store(), table, "a") == "2");
}

TEST_CASE_TEMPLATE("what was committed is there after a restart", Home, MemoryHome, RocksHome) {
  Home home;
  commit(home.store(), {put(table, "a", "1"), put(Table::tasks, "t", "body"),
                        put(Table::timers, "x", ""), put(Table::blobs, "b", "bytes")});
  home.reopen();
  commit(home.store(), {put(table, "a", "2"), erase(Table::timers, "x")});
  home.reopen();
  CHECK(get(home.store(), table, "a") == "2");
  CHECK(get(home.store(), Table::tasks, "t") == "body");
  CHECK(get(home.store(), Table::blobs, "b") == "bytes");
  CHECK(scan(home.store(), Table::timers).empty());
}

TEST_CASE_TEMPLATE("a batch takes effect whole or not at all, whoever reads", Home, MemoryHome,
                   RocksHome) {
  Home home;
  // A family of RocksDB each, so that "whole" spans them.
  const auto both = [](int number) {
    return std::vector<Batch::Write>{put(Table::status, "n", std::to_string(number)),
                                     put(Table::tasks, "n", std::to_string(number))};
  };
  commit(home.store(), both(0));
  std::atomic<bool> done{false};
  std::atomic<int> torn{0};
  std::atomic<int> looks{0};
  const auto look = [&] {
    while (!done || looks == 0) {
      const std::unique_ptr<Reader> snapshot = home.store().snapshot();
      std::string status;
      std::string task;
      const bool read = snapshot->get(Table::status, "n", status).has_value() &&
                        snapshot->get(Table::tasks, "n", task).has_value();
      if (!read || status != task) ++torn;
      ++looks;
    }
  };
  std::thread first(look);
  std::thread second(look);
  for (int number = 1; number <= 300; ++number) commit(home.store(), both(number));
  done = true;
  first.join();
  second.join();
  CHECK(torn == 0);
  CHECK(looks > 0);
}

TEST_CASE_TEMPLATE("any history of commits, scans and restarts agrees with a sorted map", Home,
                   MemoryHome, RocksHome) {
  const std::uint64_t seed = choose_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  Home home;
  std::map<std::string, std::string> model;
  for (int step = 0; step < 400; ++step) {
    CAPTURE(step);
    std::vector<Batch::Write> writes;
    for (std::uint64_t count = below(random, 6); writes.size() < count;) {
      const std::string key = random_key(random);
      if (below(random, 3) == 0) {
        writes.push_back(erase(table, key));
        model.erase(key);
      } else {
        writes.push_back(put(table, key, std::to_string(random())));
        model[key] = *writes.back().value;
      }
    }
    commit(home.store(), std::move(writes));
    if (below(random, 80) == 0) home.reopen();
    const Range range = random_range(random);
    const std::size_t count_max = 1 + below(random, 20);
    REQUIRE(scan(home.store(), table, range, count_max) == expected_scan(model, range, count_max));
    const std::string key = random_key(random);
    REQUIRE(get(home.store(), table, key) == (model.contains(key) ? model[key] : "(none)"));
  }
}

TEST_CASE("prefix_end is the first key after all that start with the prefix") {
  struct Row {
    std::string prefix;
    std::string end;
  };
  const Row rows[] = {
      {"", ""},         {"a", "b"},         {"ab", "ac"},     {std::string(1, '\0'), "\x01"},
      {"a\xff", "b"},   {"a\xff\xff", "b"}, {"\xff\xff", ""},  // nothing comes after
      {"\x7f", "\x80"}, {"\xfe", "\xff"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.prefix);
    CHECK(prefix_end(row.prefix) == row.end);
  }
}

}  // namespace
}  // namespace quern::storage::test
