// What was committed to a store, so that what is found after a crash can be held against it: some
// first commits of the history, each of them whole, and nothing else.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "quern/storage/store.h"

namespace quern::storage::test {

class CommittedHistory {
 public:
  // A batch as the engine's are: many small entries, now and then large ones, overwriting and
  // deleting what is there.
  Batch next(std::mt19937_64& random);
  // What makes any batch number `number` of a history.
  static Batch::Write number_of(std::uint64_t number);
  // It is about to be committed / it was.
  void begin(const Batch& batch);
  void acknowledge_next() { ++acknowledged_; }

  std::uint64_t acknowledged() const { return acknowledged_; }
  std::uint64_t begun() const { return last_; }

  // What is wrong with what `reader` shows, or "". `acknowledged_count`: how many must be there.
  std::string compare(const Reader& reader, std::uint64_t acknowledged_count);
  // The number of the last commit that `reader` shows.
  static std::uint64_t number_in(const Reader& reader);
  // Goes on from what was found: what came after it never happened.
  void restart_from(std::uint64_t number);

 private:
  using State = std::map<std::pair<Table, std::string>, std::string>;

  void advance(std::uint64_t number);

  State state_;  // after commit number `settled_`
  std::uint64_t settled_ = 0;
  std::map<std::uint64_t, Batch> pending_;  // those behind it
  std::uint64_t last_ = 0;
  std::uint64_t acknowledged_ = 0;
};

}  // namespace quern::storage::test
