#include "quern/storage/memory_store.h"

#include <doctest/doctest.h>

#include "stores.h"

namespace quern::storage::test {
namespace {

const Table table = Table::status;

ErrorCode commit_error(Store& store, std::vector<Batch::Write> writes) {
  const Result<void> committed = store.commit({.writes = std::move(writes)});
  REQUIRE(!committed.has_value());
  return committed.error().code;
}

TEST_CASE("a synced commit survives a power cut") {
  MemoryStore store;
  commit(store, {put(table, "a", "1")});
  store.lose_power();
  MemoryStore restarted(store.disk(), Durability::fsync);
  CHECK(get(restarted, table, "a") == "1");
}

TEST_CASE("a power cut takes what was not synced, and nothing else") {
  MemoryStore store(make_memory_disk(), Durability::os);
  commit(store, {put(table, "a", "1"), put(table, "b", "1"), put(table, "c", "1")});
  store.sync();
  commit(store, {put(table, "a", "2"), erase(table, "b")});
  commit(store, {put(table, "a", "3"), put(table, "b", "3"), put(table, "d", "3")});
  CHECK(scan(store, table) == Entries{{"a", "3"}, {"b", "3"}, {"c", "1"}, {"d", "3"}});
  store.lose_power();
  MemoryStore restarted(store.disk(), Durability::os);
  CHECK(scan(restarted, table) == Entries{{"a", "1"}, {"b", "1"}, {"c", "1"}});
}

TEST_CASE("a log torn by a power cut keeps the first commits that were not synced, each whole") {
  for (const std::size_t kept : {0U, 1U, 2U, 3U}) {
    CAPTURE(kept);
    MemoryStore store(make_memory_disk(), Durability::os);
    commit(store, {put(table, "a", "1")});
    commit(store, {put(table, "a", "2"), put(table, "b", "2")});
    commit(store, {erase(table, "a"), put(table, "b", "3")});
    CHECK(store.unsynced_count() == 3);
    store.lose_power(kept);
    const std::vector<Entries> expected{{}, {{"a", "1"}}, {{"a", "2"}, {"b", "2"}}, {{"b", "3"}}};
    CHECK(scan(MemoryStore(store.disk(), Durability::os), table) == expected[kept]);
  }
}

TEST_CASE("a full disk refuses commits until there is space again, and a store that was refused") {
  MemoryStore store;
  commit(store, {put(table, "a", "1")});
  store.fill_disk(true);
  CHECK(commit_error(store, {put(table, "b", "1")}) == ErrorCode::store_unavailable);
  MemoryStore while_full(store.disk(), Durability::fsync);
  CHECK(get(while_full, table, "a") == "1");
  CHECK(commit_error(while_full, {put(table, "b", "1")}) == ErrorCode::store_unavailable);
  while_full.fill_disk(false);
  // Its first failed commit was its last.
  CHECK(commit_error(while_full, {put(table, "b", "1")}) == ErrorCode::store_unavailable);
  MemoryStore reopened(store.disk(), Durability::fsync);
  commit(reopened, {put(table, "b", "2")});
  CHECK(scan(reopened, table) == Entries{{"a", "1"}, {"b", "2"}});
}

TEST_CASE("a restart without a power cut keeps what was not synced, and syncs it") {
  MemoryStore store(make_memory_disk(), Durability::os);
  commit(store, {put(table, "a", "1")});
  MemoryStore restarted(store.disk(), Durability::os);
  CHECK(get(restarted, table, "a") == "1");
  restarted.lose_power();
  CHECK(get(MemoryStore(store.disk(), Durability::os), table, "a") == "1");
}

TEST_CASE("without power, or once the disk is opened by another, a store refuses everything") {
  MemoryStore store;
  SUBCASE("no power") { store.lose_power(); }
  std::unique_ptr<MemoryStore> other;
  SUBCASE("opened by another") {
    other = std::make_unique<MemoryStore>(store.disk(), Durability::fsync);
  }
  std::string value;
  CHECK(commit_error(store, {put(table, "a", "1")}) == ErrorCode::store_unavailable);
  CHECK(!store.get(table, "a", value).has_value());
  CHECK(!store.scan(table, {}, [](auto, auto) { return true; }).has_value());
  CHECK(!store.snapshot()->get(table, "a", value).has_value());
}

TEST_CASE("after a failed commit every further one is refused, until the store is opened again") {
  MemoryStore store;
  commit(store, {put(table, "a", "1")});
  store.fail_next_commit(MemoryStore::Fault::fail_unapplied);
  CHECK(commit_error(store, {put(table, "a", "2")}) == ErrorCode::store_unavailable);
  CHECK(commit_error(store, {put(table, "b", "2")}) == ErrorCode::store_unavailable);
  CHECK(scan(store, table) == Entries{{"a", "1"}});

  MemoryStore restarted(store.disk(), Durability::fsync);
  commit(restarted, {put(table, "c", "3")});
  CHECK(scan(restarted, table) == Entries{{"a", "1"}, {"c", "3"}});
}

TEST_CASE("a failed commit that reached the disk shows only when the store is opened again") {
  MemoryStore store;
  commit(store, {put(table, "a", "1")});
  store.fail_next_commit(MemoryStore::Fault::fail_applied);
  CHECK(commit_error(store, {put(table, "a", "2")}) == ErrorCode::store_unavailable);
  CHECK(get(store, table, "a") == "1");
  CHECK(get(*store.snapshot(), table, "a") == "1");
  SUBCASE("kept by a restart") {
    CHECK(get(MemoryStore(store.disk(), Durability::fsync), table, "a") == "2");
  }
  SUBCASE("taken by a power cut: it was never synced") {
    store.lose_power();
    CHECK(get(MemoryStore(store.disk(), Durability::fsync), table, "a") == "1");
  }
}

TEST_CASE("reads fail while they are told to") {
  MemoryStore store;
  commit(store, {put(table, "a", "1")});
  store.fail_reads(true);
  std::string value;
  CHECK(store.get(table, "a", value).error().code == ErrorCode::store_unavailable);
  store.fail_reads(false);
  CHECK(get(store, table, "a") == "1");
}

TEST_CASE("commits that succeeded are counted") {
  MemoryStore store;
  commit(store, {put(table, "a", "1")});
  commit(store, {});
  store.fail_next_commit(MemoryStore::Fault::fail_applied);
  CHECK(commit_error(store, {}) == ErrorCode::store_unavailable);
  CHECK(store.commit_count() == 2);
}

}  // namespace
}  // namespace quern::storage::test
