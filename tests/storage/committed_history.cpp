#include "committed_history.h"

#include <algorithm>
#include <array>

#include "stores.h"

namespace quern::storage::test {
namespace {

// One of each column family, and two that share one.
constexpr std::array tables{Table::tasks, Table::status, Table::running, Table::ready,
                            Table::blobs};
const std::string number_key = "number";

std::size_t size_of_value(std::mt19937_64& random) {
  const std::uint64_t kind = below(random, 50);
  if (kind == 0) return 30'000 + below(random, 90'000);  // over several blocks of the log
  if (kind < 10) return below(random, 3'000);
  return below(random, 60);
}

}  // namespace

Batch CommittedHistory::next(std::mt19937_64& random) {
  Batch batch;
  for (std::uint64_t count = 1 + below(random, 20); count > 0; --count) {
    const Table table = tables[below(random, tables.size())];
    const std::string key = "key " + std::to_string(below(random, 200));
    if (below(random, 4) == 0) {
      batch.writes.push_back(erase(table, key));
    } else {
      batch.writes.push_back(
          put(table, key,
              std::string(size_of_value(random), static_cast<char>('a' + below(random, 26)))));
    }
  }
  batch.writes.push_back(number_of(last_ + 1));
  return batch;
}

Batch::Write CommittedHistory::number_of(std::uint64_t number) {
  return put(Table::counters, number_key, std::to_string(number));
}

void CommittedHistory::begin(const Batch& batch) { pending_.emplace(++last_, batch); }

std::uint64_t CommittedHistory::number_in(const Reader& reader) {
  const std::string number = get(reader, Table::counters, number_key);
  return number == "(none)" ? 0 : std::stoull(number);
}

void CommittedHistory::advance(std::uint64_t number) {
  for (; settled_ < number; ++settled_) {
    for (const Batch::Write& write : pending_.at(settled_ + 1).writes) {
      if (write.value) {
        state_[{write.table, write.key}] = *write.value;
      } else {
        state_.erase({write.table, write.key});
      }
    }
    pending_.erase(settled_ + 1);
  }
}

std::string CommittedHistory::compare(const Reader& reader, std::uint64_t acknowledged_count) {
  const std::uint64_t found = number_in(reader);
  if (found < acknowledged_count) {
    return "lost: " + std::to_string(acknowledged_count) + " commits were acknowledged, " +
           std::to_string(found) + " are there";
  }
  if (found > last_) return "invented: commit " + std::to_string(found);
  if (found < settled_) return "gone back to commit " + std::to_string(found);
  advance(found);
  State shown;
  for (const Table table : tables) {
    for (auto& [key, value] : scan(reader, table)) shown[{table, key}] = std::move(value);
  }
  for (auto& [key, value] : scan(reader, Table::counters)) shown[{Table::counters, key}] = value;
  if (shown == state_) return "";
  for (const auto& [key, value] : state_) {
    const auto entry = shown.find(key);
    if (entry == shown.end()) return "commit " + std::to_string(found) + " lacks " + key.second;
    if (entry->second != value) return "commit " + std::to_string(found) + " changed " + key.second;
  }
  return "commit " + std::to_string(found) + " shows entries that nobody wrote";
}

void CommittedHistory::restart_from(std::uint64_t number) {
  advance(number);
  pending_.clear();
  last_ = number;
  acknowledged_ = number;
}

}  // namespace quern::storage::test
