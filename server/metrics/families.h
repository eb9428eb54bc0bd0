// The families of each part of the server, appended to `families`. One file each.
#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "metrics/metrics.h"

namespace quern::server {

using Families = std::vector<prometheus::MetricFamily>;

void add_queue_families(const std::vector<engine::FiguresBoard::Entry>& queues, Timestamp now,
                        Families& families);
void add_engine_families(const MetricsSources& sources, Families& families);
void add_commit_families(const CommitFigures& commits, Families& families);
void add_http_families(const http::HttpFigures& http, Families& families);
void add_storage_families(const MetricsSources& sources, Families& families);
void add_process_families(Families& families);

}  // namespace quern::server
