// What the storage tests share: every Store behind one face, and a model to hold it against.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../support/temp_dir.h"
#include "quern/storage/memory_store.h"
#include "quern/storage/rocks_store.h"
#include "quern/storage/store.h"

namespace quern::storage::test {

// A store that can be closed and opened again with what it holds.
class MemoryHome {
 public:
  Store& store() { return *store_; }
  void reopen();

 private:
  std::unique_ptr<MemoryStore> store_ = std::make_unique<MemoryStore>();
};

class RocksHome {
 public:
  RocksHome() { reopen(); }

  Store& store() { return *store_; }
  void close() { store_.reset(); }
  void reopen();  // throws what open_rocks_store() says
  Result<std::unique_ptr<Store>> try_open() const;
  std::filesystem::path directory() const { return temp_.path() / "data"; }
  std::filesystem::path database() const { return directory() / "db"; }

 private:
  quern::test::TempDir temp_;
  std::unique_ptr<Store> store_;
};

using Entry = std::pair<std::string, std::string>;
using Entries = std::vector<Entry>;

Batch::Write put(Table table, std::string key, std::string value);
Batch::Write erase(Table table, std::string key);

// Each of these fails the running test when the store returns an error.
void commit(Store& store, std::vector<Batch::Write> writes);
std::string get(const Reader& reader, Table table, std::string_view key);  // "(none)" when absent
Entries scan(const Reader& reader, Table table, const Range& range = {},
             std::size_t count_max = SIZE_MAX);

// What a scan of `model` must return.
Entries expected_scan(const std::map<std::string, std::string>& model, const Range& range,
                      std::size_t count_max);

// Short keys over a few bytes, the smallest and the largest among them, so that they often meet.
std::string random_key(std::mt19937_64& random);
Range random_range(std::mt19937_64& random);
std::uint64_t below(std::mt19937_64& random, std::uint64_t limit);

// From QUERN_SEED, else a new one. Print it: it replays the run.
std::uint64_t choose_seed();

}  // namespace quern::storage::test
