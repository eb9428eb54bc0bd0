#include "engine/floor.h"

#include <doctest/doctest.h>

#include <iterator>
#include <set>

#include "harness.h"

namespace quern::engine::testing {
namespace {

TaskId id_at(std::uint64_t ms) { return TaskId::from({.unix_ms = ms}); }

// The first ids of a set, as a store would give them.
auto loader(const std::set<TaskId>& ids) {
  return [&ids](const std::optional<TaskId>& from, std::size_t count_max) {
    const auto first = from ? ids.lower_bound(*from) : ids.begin();
    std::vector<TaskId> found;
    for (auto at = first; at != ids.end() && found.size() < count_max; ++at) found.push_back(*at);
    return found;
  };
}

TEST_CASE("nothing ever lies before the floor, in whatever order ids come and go") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    SeededRandom random(seed);
    // From fewer than the floor knows to many more, in a space that makes them come back.
    const std::uint64_t space = 8 + random.below(6 * Floor::known_max);
    std::set<TaskId> ids;
    Floor floor;
    for (int step = 0; step < 2000; ++step) {
      const bool grows = random.below(2000) > static_cast<std::uint64_t>(step);
      if (ids.empty() || (grows && random.below(2) == 0)) {
        const TaskId id = id_at(1 + random.below(space));
        if (ids.insert(id).second) floor.add(id);
      } else {
        // Mostly from the front, as retention and purges do.
        const std::uint64_t reach = random.below(4) == 0 ? ids.size() : 1 + ids.size() / 8;
        const TaskId id = *std::next(ids.begin(), static_cast<long>(random.below(reach)));
        floor.remove(id, loader(ids));
        ids.erase(id);
      }
      if (!ids.empty() && floor.from()) REQUIRE(!(*ids.begin() < *floor.from()));
    }
  }
}

TEST_CASE("the floor follows what is taken from the front") {
  std::set<TaskId> ids;
  Floor floor;
  for (std::uint64_t ms = 1; ms <= 1000; ++ms) {
    ids.insert(id_at(ms));
    floor.add(id_at(ms));
  }
  for (std::uint64_t ms = 1; ms < 1000; ++ms) {
    floor.remove(id_at(ms), loader(ids));
    ids.erase(id_at(ms));
  }
  REQUIRE(floor.from());
  CHECK(!(*floor.from() < id_at(1000 - Floor::known_max)));
}

}  // namespace
}  // namespace quern::engine::testing
