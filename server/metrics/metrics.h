// GET /metrics: gathers what each part of the server counts, and writes it in Prometheus' text
// format.
//
// Shape    nothing is kept here. Counters begin at 0 with the process; gauges are right at once.
//          What a part cannot tell at the moment (storage, while it is opened anew) is left out.
// Threads  text(): any, also several at a time. It takes no lock that requests wait for, but for
//          the queue of commands, for a moment.
// Source   https://prometheus.io/docs/practices/naming/, checked by `promtool check metrics`.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "commit_figures.h"
#include "engine/figures.h"
#include "engine_port.h"
#include "http/request_figures.h"

namespace quern::server {

struct BuildInfo {
  std::string version;
  std::string build;
  std::string rocksdb;
  std::string durability;
};

struct MetricsSources {
  const engine::FiguresBoard& board;
  const CommitFigures& commits;
  const EnginePort& engine;
  std::function<std::size_t()> commands_waiting;
  std::size_t commands_max = 0;
  std::function<http::HttpFigures()> http;
  std::function<std::uint64_t()> free_bytes;  // of the file system that the data is on
  std::uint64_t space_low_bytes = 0;
  BuildInfo build;
  std::function<Timestamp()> now;  // wall clock
};

std::string metrics_text(const MetricsSources& sources);

}  // namespace quern::server
