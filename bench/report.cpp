#include "report.h"

#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>

namespace quern::bench {
namespace {

double per_second(std::uint64_t count, const Results& results) {
  return results.seconds > 0 ? static_cast<double>(count) / results.seconds : 0;
}

double microseconds(std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e3; }

// One of the load generator's own core, of which there is only one: near 1 it is what was measured.
double cpu_share(const Options& options, const Results& results) {
  const double seconds = results.seconds + options.warmup.count();
  return seconds > 0 ? results.cpu_seconds / seconds : 0;
}

void append_latency(std::string& text, std::string_view name, const Histogram& latency) {
  fmt::format_to(std::back_inserter(text), "{:<14}{:>10}", name, latency.count());
  for (const double fraction : {0.5, 0.9, 0.99, 0.999, 1.0}) {
    fmt::format_to(std::back_inserter(text), "{:>10.3f}",
                   microseconds(latency.quantile(fraction)) / 1e3);
  }
  text += '\n';
}

}  // namespace

std::string report_text(const Options& options, const Results& results) {
  std::string text =
      fmt::format("{}: {} connections, {}, {:.2f} s, load generator at {:.0f} % of a core\n",
                  name_of(options.mode), options.connections,
                  options.rate > 0 ? fmt::format("open loop at {}/s", options.rate) : "closed loop",
                  results.seconds, 100 * cpu_share(options, results));
  fmt::format_to(std::back_inserter(text),
                 "{:.0f} tasks/s  {:.0f} requests/s  ({} tasks, {} requests)\n\n",
                 per_second(results.tasks, results), per_second(results.requests, results),
                 results.tasks, results.requests);
  fmt::format_to(std::back_inserter(text), "{:<14}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}\n",
                 "latency, ms", "count", "p50", "p90", "p99", "p99.9", "max");
  for (const StepResult& step : results.steps) {
    append_latency(text, name_of(step.step), step.latency);
  }
  if (results.delivery.count() > 0) append_latency(text, "delivery", results.delivery);
  if (results.steps.size() > 1) append_latency(text, "whole cycle", results.cycle_latency);
  if (results.late_max > 0) {
    fmt::format_to(std::back_inserter(text), "\nat most {} waited for a free connection\n",
                   results.late_max);
  }
  for (const auto& [kind, count] : results.failures) {
    fmt::format_to(std::back_inserter(text), "\nfailed: {} x {}", kind, count);
  }
  if (!results.first_failure.empty()) text += "\nthe first one: " + results.first_failure;
  if (!results.failures.empty()) text += '\n';
  return text;
}

nlohmann::json latency_json(const Histogram& latency) {
  return {{"count", latency.count()},
          {"mean", latency.mean() / 1e3},
          {"p50", microseconds(latency.quantile(0.5))},
          {"p90", microseconds(latency.quantile(0.9))},
          {"p99", microseconds(latency.quantile(0.99))},
          {"p999", microseconds(latency.quantile(0.999))},
          {"max", microseconds(latency.max())}};
}

std::string report_json(const Options& options, const Results& results) {
  nlohmann::json latency = {{"cycle", latency_json(results.cycle_latency)}};
  for (const StepResult& step : results.steps) {
    latency[name_of(step.step)] = latency_json(step.latency);
  }
  if (results.delivery.count() > 0) latency["delivery"] = latency_json(results.delivery);
  const nlohmann::json report = {
      {"mode", name_of(options.mode)},
      {"wire", name_of(options.wire)},
      {"connections", options.connections},
      {"rate", options.rate},
      {"payload_bytes", options.payload_bytes},
      {"batch", options.batch},
      {"queues", options.queues},
      {"seconds", results.seconds},
      {"cycles", results.cycles},
      {"tasks", results.tasks},
      {"requests", results.requests},
      {"cycles_per_second", per_second(results.cycles, results)},
      {"tasks_per_second", per_second(results.tasks, results)},
      {"requests_per_second", per_second(results.requests, results)},
      {"latency_us", latency},
      {"late_max", results.late_max},
      {"failures", results.failures},
      {"first_failure", results.first_failure},
      {"generator_cpu", cpu_share(options, results)},
  };
  using nlohmann::json;
  return report.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace quern::bench
