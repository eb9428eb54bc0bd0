#include "metrics/metrics.h"

#include <prometheus/text_serializer.h>

#include "metrics/families.h"
#include "metrics/family.h"

namespace quern::server {

std::string metrics_text(const MetricsSources& sources) {
  Families families;
  Family build = gauge("quern_build_info", "What runs; always 1.");
  build.add({{"version", sources.build.version},
             {"build", sources.build.build},
             {"rocksdb", sources.build.rocksdb},
             {"durability", sources.build.durability}},
            1);
  families.push_back(build.take());
  add_engine_families(sources, families);
  add_queue_families(sources.board.queues(), sources.now(), families);
  add_commit_families(sources.commits, families);
  add_http_families(sources.http(), families);
  add_storage_families(sources, families);
  add_process_families(families);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace quern::server
