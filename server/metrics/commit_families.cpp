#include "metrics/families.h"
#include "metrics/family.h"

namespace quern::server {

void add_commit_families(const CommitFigures& commits, Families& families) {
  Family size = histogram("quern_commit_batch_size", "Requests that shared one commit.");
  size.add_histogram({}, commits.commands, 1);
  families.push_back(size.take());
  Family commit =
      histogram("quern_commit_duration_seconds", "How long commits took, sync included.");
  commit.add_histogram({}, commits.commit, micros_per_second);
  families.push_back(commit.take());
  Family fsync = histogram("quern_fsync_duration_seconds",
                           "How long the disk took to sync the log, once a commit.");
  fsync.add_histogram({}, commits.fsync, micros_per_second);
  families.push_back(fsync.take());
  families.push_back(single(
      counter("quern_storage_failures_total", "Failures after which the storage was opened anew."),
      static_cast<double>(std::uint64_t{commits.failures})));
}

}  // namespace quern::server
