#include "histogram.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

using quern::bench::Histogram;

TEST_CASE("an empty histogram answers zero") {
  const Histogram histogram;
  CHECK(histogram.count() == 0);
  CHECK(histogram.max() == 0);
  CHECK(histogram.mean() == 0);
  CHECK(histogram.quantile(0.5) == 0);
  CHECK(histogram.quantile(1) == 0);
}

TEST_CASE("small values are told exactly") {
  Histogram histogram;
  for (std::uint64_t value = 1; value <= 100; ++value) histogram.record(value);
  CHECK(histogram.quantile(0) == 1);
  CHECK(histogram.quantile(0.01) == 1);
  CHECK(histogram.quantile(0.5) == 50);
  CHECK(histogram.quantile(0.9) == 90);
  CHECK(histogram.quantile(0.99) == 99);
  CHECK(histogram.quantile(0.999) == 100);
  CHECK(histogram.quantile(1) == 100);
  CHECK(histogram.mean() == doctest::Approx(50.5));
}

TEST_CASE("a single value is told within 1 %, wherever it lies, and never above the maximum") {
  for (int power = 0; power < 64; ++power) {
    for (const std::uint64_t offset : {0U, 1U, 3U}) {
      const std::uint64_t value = (std::uint64_t{1} << power) + offset;
      CAPTURE(value);
      Histogram histogram;
      histogram.record(value);
      histogram.record(std::numeric_limits<std::uint64_t>::max());
      const std::uint64_t told = histogram.quantile(0.5);
      CHECK(told >= value);
      CHECK(static_cast<double>(told - value) <= 0.01 * static_cast<double>(value));
    }
  }
  Histogram histogram;
  histogram.record(1'000'001);
  CHECK(histogram.quantile(0.5) == 1'000'001);
}

TEST_CASE("the largest value there is has a bucket") {
  constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();
  Histogram histogram;
  histogram.record(0);
  histogram.record(largest);
  CHECK(histogram.quantile(0.5) == 0);
  CHECK(histogram.quantile(1) == largest);
  CHECK(histogram.max() == largest);
}

TEST_CASE("quantiles agree with the sorted values within 1 %") {
  constexpr unsigned seed = 42;
  CAPTURE(seed);
  std::mt19937_64 generator{seed};
  std::lognormal_distribution<double> latency{12, 2};
  Histogram histogram;
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(static_cast<std::uint64_t>(latency(generator)));
    histogram.record(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double fraction : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    CAPTURE(fraction);
    const auto rank =
        static_cast<std::size_t>(std::ceil(fraction * static_cast<double>(values.size())));
    const std::uint64_t exact = values[rank - 1];
    const std::uint64_t told = histogram.quantile(fraction);
    CHECK(told >= exact);
    CHECK(static_cast<double>(told) <= 1.01 * static_cast<double>(exact));
  }
}
