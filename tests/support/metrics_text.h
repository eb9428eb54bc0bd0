// What GET /metrics said, read strictly: a line that is not in Prometheus' text format is an error.
//
// Errors   exceptions: ProtocolViolation (http_client.h).
// Source   https://prometheus.io/docs/instrumenting/exposition_formats/
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace quern::test {

using MetricLabels = std::map<std::string, std::string>;

class MetricsText {
 public:
  explicit MetricsText(std::string_view text);

  // The sample with exactly these labels; nullopt when there is none.
  std::optional<double> find(const std::string& name, const MetricLabels& labels = {}) const;
  // The same; it must be there.
  double value(const std::string& name, const MetricLabels& labels = {}) const;
  // Of all samples of that name whose labels include these.
  double sum(const std::string& name, const MetricLabels& labels = {}) const;
  // The values that a label has among the samples of that name.
  std::set<std::string> values_of(const std::string& name, const std::string& label) const;
  // Name and type: {"quern_queues", "gauge"}.
  const std::map<std::string, std::string>& families() const { return families_; }

 private:
  void read_comment(std::string_view line);
  void read_sample(std::string_view line);

  std::map<std::string, std::string> families_;
  std::set<std::string> helped_;
  std::map<std::string, std::map<MetricLabels, double>> samples_;
};

}  // namespace quern::test
