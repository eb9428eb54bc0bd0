// How long a failed task waits.

#include "engine/backoff.h"

#include "harness.h"

namespace quern::engine::testing {
namespace {

// Gives the same number over and over.
class FixedRandom final : public Random {
 public:
  explicit FixedRandom(std::uint64_t value) : value_(value) {}
  std::uint64_t next() override { return value_; }

 private:
  std::uint64_t value_;
};

constexpr std::uint64_t least = 0;
constexpr std::uint64_t most = ~std::uint64_t{0};

TEST_CASE("backoff follows its strategy up to the cap") {
  using enum RetryStrategy;
  struct Row {
    RetryStrategy strategy;
    Duration base;
    double factor;
    Duration max;
    std::uint32_t failed_attempt;
    Duration expected;
  };
  const Row rows[] = {
      {exponential, 2s, 2, 2min, 1, 2s},
      {exponential, 2s, 2, 2min, 2, 4s},
      {exponential, 2s, 2, 2min, 6, 64s},
      {exponential, 2s, 2, 2min, 7, 2min},
      {exponential, 2s, 2, 2min, 100, 2min},
      {exponential, 1s, 3, 1h, 4, 27s},
      {exponential, 1s, 1.5, 1h, 3, 2250ms},
      {exponential, 1s, 1, 1h, 100, 1s},
      {exponential, 1ms, 1000, limits::ten_years, 100, limits::ten_years},
      {exponential, limits::ten_years, 1000, limits::ten_years, 100, limits::ten_years},
      {exponential, 0s, 1000, 1h, 100, 0s},
      {exponential, 5s, 2, 3s, 1, 3s},
      {exponential, 5s, 2, 0s, 1, 0s},
      {linear, 2s, 2, 2min, 1, 2s},
      {linear, 2s, 2, 2min, 5, 10s},
      {linear, 2s, 2, 2min, 60, 2min},
      {linear, 2s, 2, 2min, 61, 2min},
      {linear, limits::ten_years, 2, limits::ten_years, 100, limits::ten_years},
      {fixed, 2s, 2, 2min, 1, 2s},
      {fixed, 2s, 2, 2min, 100, 2s},
      {fixed, 3min, 2, 2min, 1, 2min},
      {fixed, 0s, 2, 2min, 1, 0s},
  };
  for (const Row& row : rows) {
    const RetryPolicy policy{.strategy = row.strategy,
                             .base = row.base,
                             .factor = row.factor,
                             .max = row.max,
                             .jitter = false};
    CAPTURE(to_string(row.strategy));
    CAPTURE(row.failed_attempt);
    CHECK(backoff(policy, row.failed_attempt) == row.expected);
    FixedRandom random(least);
    CHECK(backoff_with_jitter(policy, row.failed_attempt, random) == row.expected);
  }
}

TEST_CASE("jitter lies between half of the backoff and all of it") {
  struct Row {
    Duration whole;
    Duration shortest;
    Duration longest;
  };
  for (const Row& row : {Row{10s, 5s, 10s}, Row{0s, 0s, 0s}, Row{1ms, 1ms, 1ms}, Row{3ms, 2ms, 3ms},
                         Row{limits::ten_years, limits::ten_years / 2, limits::ten_years}}) {
    const RetryPolicy policy{
        .strategy = RetryStrategy::fixed, .base = row.whole, .max = row.whole, .jitter = true};
    FixedRandom low(least);
    FixedRandom high(most);
    CHECK(backoff_with_jitter(policy, 1, low) == row.shortest);
    CHECK(backoff_with_jitter(policy, 1, high) == row.longest);
  }
}

TEST_CASE("jitter spreads evenly") {
  const RetryPolicy policy{.strategy = RetryStrategy::fixed, .base = 10s, .max = 10s};
  SeededRandom random(1);
  int below_the_middle = 0;
  for (int i = 0; i < 10'000; ++i) {
    const Duration wait = backoff_with_jitter(policy, 1, random);
    REQUIRE(wait >= 5s);
    REQUIRE(wait <= 10s);
    if (wait < 7500ms) ++below_the_middle;
  }
  CHECK(below_the_middle > 4'700);
  CHECK(below_the_middle < 5'300);
}

TEST_CASE("each part of the policy that a task gives replaces the queue's, and no other") {
  const RetryPolicy queue{
      .strategy = RetryStrategy::linear, .base = 3s, .factor = 4, .max = 5s, .jitter = true};
  record::TaskBody body;
  CHECK(effective_policy(queue, body) == queue);
  body.mutable_retry();
  CHECK(effective_policy(queue, body) == queue);

  const auto with = [&](auto&& set) {
    record::TaskBody one;
    set(*one.mutable_retry());
    return effective_policy(queue, one);
  };
  RetryPolicy expected = queue;
  expected.strategy = RetryStrategy::exponential;
  CHECK(with([](record::RetryOverride& r) { r.set_strategy(0); }) == expected);
  expected = queue;
  expected.base = 0s;
  CHECK(with([](record::RetryOverride& r) { r.set_base_ms(0); }) == expected);
  expected = queue;
  expected.factor = 1;
  CHECK(with([](record::RetryOverride& r) { r.set_factor(1); }) == expected);
  expected = queue;
  expected.max = 7s;
  CHECK(with([](record::RetryOverride& r) { r.set_max_ms(7'000); }) == expected);
  expected = queue;
  expected.jitter = false;
  CHECK(with([](record::RetryOverride& r) { r.set_jitter(false); }) == expected);
}

}  // namespace
}  // namespace quern::engine::testing
