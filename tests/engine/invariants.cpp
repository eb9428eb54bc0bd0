// The invariants that can be read off a store, as the product itself checks them.

#include "engine/audit.h"
#include "harness.h"

namespace quern::engine::testing {

std::string Harness::violations() const {
  const Result<AuditReport> report = audit(*store_);
  REQUIRE(report.has_value());
  std::string text;
  for (const Finding& finding : report->findings) text += finding.text + "\n";
  return text;
}

}  // namespace quern::engine::testing
