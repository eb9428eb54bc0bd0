// A store that comes from a backup gives out no id again.
#include "engine/restored.h"

#include <doctest/doctest.h>

#include "harness.h"

namespace quern::engine::testing {
namespace {

using namespace std::chrono_literals;

TEST_CASE("ids that are given out after a restore are later than it") {
  Harness h;
  const TaskId before = h.submit();
  // An hour was lost, and the clock of this engine stands where it stood.
  const Timestamp restored_at = h.now.wall + 1h;
  REQUIRE(begin_ids_after(h.store(), restored_at).has_value());
  h.restart();
  const TaskId next = h.submit();
  CHECK(next > before);
  CHECK(Timestamp{static_cast<std::int64_t>(next.unix_ms())} > restored_at);
  CHECK(h.submit() > next);
  CHECK(h.violations() == "");
}

TEST_CASE("a clock that is behind what a restored store knows takes nothing back") {
  Harness h;
  const TaskId before = h.submit();
  const std::uint64_t commits = h.store().commit_count();
  REQUIRE(begin_ids_after(h.store(), h.now.wall - 1h).has_value());
  CHECK(h.store().commit_count() == commits);
  h.now.wall = h.now.wall - 1h;
  h.restart();
  CHECK(h.submit() > before);
}

TEST_CASE("an empty store may be restored as well") {
  Harness h;
  REQUIRE(begin_ids_after(h.store(), h.now.wall).has_value());
  h.restart();
  h.submit();
  CHECK(h.violations() == "");
}

}  // namespace
}  // namespace quern::engine::testing
