// One metric family while it is put together.
//
// Shape    names and units follow Prometheus' conventions: seconds and bytes, counters end in
//          _total.
// Threads  plain values.
#pragma once

#include <prometheus/metric_family.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace quern::server {

using Labels = std::vector<prometheus::ClientMetric::Label>;

class Family {
 public:
  Family(std::string name, std::string help, prometheus::MetricType type);

  // Of a counter or gauge.
  void add(Labels labels, double value);
  // Of a histogram. `values` is an engine::Histogram; `units` of its own make one of the family's.
  template <typename Histogram>
  void add_histogram(Labels labels, const Histogram& values, double units);

  prometheus::MetricFamily take() { return std::move(family_); }

 private:
  prometheus::MetricFamily family_;
};

inline constexpr double micros_per_second = 1e6;

Family counter(std::string name, std::string help);
Family gauge(std::string name, std::string help);
Family histogram(std::string name, std::string help);
// A gauge or counter without labels.
prometheus::MetricFamily single(Family family, double value);

template <typename Histogram>
void Family::add_histogram(Labels labels, const Histogram& values, double units) {
  prometheus::ClientMetric& metric = family_.metric.emplace_back();
  metric.label = std::move(labels);
  prometheus::ClientMetric::Histogram& shown = metric.histogram;
  // Read once each, and the count from them: cells go on counting meanwhile, and the buckets must
  // agree with the count.
  for (std::size_t i = 0; i < Histogram::bound_count; ++i) {
    shown.sample_count += values.counts[i];
    shown.bucket.push_back({.cumulative_count = shown.sample_count,
                            .upper_bound = static_cast<double>(Histogram::bounds[i]) / units});
  }
  shown.sample_count += values.counts[Histogram::bound_count];
  shown.sample_sum = static_cast<double>(std::uint64_t{values.sum}) / units;
}

}  // namespace quern::server
