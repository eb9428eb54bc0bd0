// Counts values so that any quantile can be told afterwards, within 1 % and in constant memory.
//
// Shape    log-linear, as HdrHistogram: every power of two is cut into 128 buckets of equal width,
//          so a bucket's width is at most 1/128 of its values. Covers all 64-bit values; 58 KiB.
// Threads  not synchronised.
// Source   http://hdrhistogram.org, without its configurable range.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace quern::bench {

class Histogram {
 public:
  void record(std::uint64_t value) {
    ++counts_[bucket_of(value)];
    ++count_;
    sum_ += static_cast<double>(value);
    max_ = std::max(max_, value);
  }

  std::uint64_t count() const { return count_; }
  std::uint64_t max() const { return max_; }
  double mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

  // A value that at least `fraction` (0..1) of all values do not exceed: the upper end of its
  // bucket, or the maximum where that is lower. 0 while nothing is recorded.
  std::uint64_t quantile(double fraction) const {
    const auto wanted = std::max<std::uint64_t>(
        1, static_cast<std::uint64_t>(std::ceil(fraction * static_cast<double>(count_))));
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
      seen += counts_[bucket];
      if (seen >= wanted) return std::min(upper_end(bucket), max_);
    }
    return max_;
  }

 private:
  static constexpr int bits = 7;
  static constexpr std::uint64_t buckets_per_power = 1U << bits;

  // Values below 128 have a bucket each; above, the top eight bits say which.
  static std::size_t bucket_of(std::uint64_t value) {
    if (value < buckets_per_power) return value;
    const int shift = static_cast<int>(std::bit_width(value)) - bits - 1;
    return static_cast<std::size_t>(shift) * buckets_per_power + (value >> shift);
  }

  static std::uint64_t upper_end(std::size_t bucket) {
    if (bucket < buckets_per_power) return bucket;
    const std::uint64_t shift = bucket / buckets_per_power - 1;
    const std::uint64_t top = bucket % buckets_per_power + buckets_per_power;
    return ((top + 1) << shift) - 1;  // wraps to the largest value in the last bucket, as it should
  }

  static constexpr std::size_t bucket_count = (64 - bits + 1) * buckets_per_power;

  std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>(bucket_count);
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace quern::bench
