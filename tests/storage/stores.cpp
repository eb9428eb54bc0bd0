#include "stores.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <stdexcept>

namespace quern::storage::test {

void MemoryHome::reopen() {
  store_ = std::make_unique<MemoryStore>(store_->disk(), Durability::fsync);
}

void RocksHome::reopen() {
  close();
  Result<std::unique_ptr<Store>> opened = try_open();
  if (!opened) throw std::runtime_error(opened.error().detail);
  store_ = std::move(*opened);
}

Result<std::unique_ptr<Store>> RocksHome::try_open() const {
  return open_rocks_store({.directory = directory()});
}

Batch::Write put(Table table, std::string key, std::string value) {
  return {.table = table, .key = std::move(key), .value = std::move(value)};
}

Batch::Write erase(Table table, std::string key) {
  return {.table = table, .key = std::move(key), .value = std::nullopt};
}

void commit(Store& store, std::vector<Batch::Write> writes) {
  const Result<void> committed = store.commit({.writes = std::move(writes)});
  REQUIRE_MESSAGE(committed.has_value(), committed.error().detail);
}

std::string get(const Reader& reader, Table table, std::string_view key) {
  std::string value = "whatever was there before";
  const Result<bool> found = reader.get(table, key, value);
  REQUIRE_MESSAGE(found.has_value(), found.error().detail);
  return *found ? value : "(none)";
}

Entries scan(const Reader& reader, Table table, const Range& range, std::size_t count_max) {
  Entries entries;
  const Result<void> scanned =
      reader.scan(table, range, [&](std::string_view key, std::string_view value) {
        entries.emplace_back(key, value);
        return entries.size() < count_max;
      });
  REQUIRE_MESSAGE(scanned.has_value(), scanned.error().detail);
  return entries;
}

Entries expected_scan(const std::map<std::string, std::string>& model, const Range& range,
                      std::size_t count_max) {
  Entries entries;
  for (const auto& [key, value] : model) {
    if (key < range.begin) continue;
    if (!range.end.empty() && key >= range.end) continue;
    entries.emplace_back(key, value);
  }
  if (range.direction == Direction::backward) entries = {entries.rbegin(), entries.rend()};
  if (entries.size() > count_max) entries.resize(count_max);
  return entries;
}

std::uint64_t below(std::mt19937_64& random, std::uint64_t limit) { return random() % limit; }

std::string random_key(std::mt19937_64& random) {
  static constexpr std::string_view bytes("\0ab\xff", 4);
  std::string key;
  for (std::uint64_t size = below(random, 4); key.size() < size;) {
    key.push_back(bytes[below(random, bytes.size())]);
  }
  return key;
}

Range random_range(std::mt19937_64& random) {
  const Direction direction = below(random, 2) == 0 ? Direction::forward : Direction::backward;
  if (below(random, 3) == 0) return prefix_range(random_key(random), direction);
  return {.begin = random_key(random), .end = random_key(random), .direction = direction};
}

std::uint64_t choose_seed() {
  if (const char* chosen = std::getenv("QUERN_SEED")) return std::strtoull(chosen, nullptr, 10);
  return std::random_device()();
}

}  // namespace quern::storage::test
