// Says what a run found: as a table for people, or as one JSON object.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "load.h"
#include "options.h"

namespace quern::bench {

std::string report_text(const Options& options, const Results& results);

// Keys: README.md "What comes out".
std::string report_json(const Options& options, const Results& results);

// Quantiles in microseconds.
nlohmann::json latency_json(const Histogram& latency);

}  // namespace quern::bench
