#include "engine/audit.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "engine/audit_scan.h"
#include "engine/records.h"

namespace quern::engine {

namespace {

// Of one repairing commit: as small as a group of the commit loop.
constexpr std::size_t mend_writes_max = 2'000;

class Collector {
 public:
  Collector(AuditReport& report, std::size_t findings_max, storage::Store* store)
      : report_(report), findings_max_(findings_max), store_(store) {}

  void operator()(std::string text, std::vector<storage::Batch::Write> mend) {
    ++report_.finding_count;
    if (!mend.empty()) ++report_.mendable_count;
    if (report_.findings.size() < findings_max_) {
      report_.findings.push_back({std::move(text), !mend.empty()});
    }
    if (store_ == nullptr) return;
    for (storage::Batch::Write& write : mend) batch_.writes.push_back(std::move(write));
    if (batch_.writes.size() >= mend_writes_max) flush();
  }

  void flush() {
    if (store_ == nullptr || batch_.writes.empty()) return;
    must(store_->commit(batch_));
    batch_.writes.clear();
  }

 private:
  AuditReport& report_;
  const std::size_t findings_max_;
  storage::Store* store_;
  storage::Batch batch_;
};

Result<AuditReport> run(const storage::Reader& reader, std::size_t findings_max,
                        storage::Store* store) {
  AuditReport report;
  try {
    Collector collect(report, findings_max, store);
    AuditScan scan(reader, report, [&collect](std::string text, auto mend) {
      collect(std::move(text), std::move(mend));
    });
    scan.run();
    collect.flush();
  } catch (StoreFailure& failure) {
    return std::move(failure.error);
  }
  return report;
}

}  // namespace

Result<AuditReport> audit(const storage::Reader& store, std::size_t findings_max) {
  return run(store, findings_max, nullptr);
}

Result<AuditReport> repair(storage::Store& store, std::size_t findings_max) {
  const std::unique_ptr<storage::Reader> before = store.snapshot();
  return run(*before, findings_max, &store);
}

}  // namespace quern::engine
