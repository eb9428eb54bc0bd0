#include "invariants.h"

#include <stdexcept>

#include "engine/audit.h"

namespace quern::engine::testing {

// As the product itself checks them.
std::string violations(const storage::Reader& reader) {
  const Result<AuditReport> report = audit(reader);
  if (!report) throw std::runtime_error("the store under check cannot be read");
  std::string text;
  for (const Finding& finding : report->findings) text += finding.text + "\n";
  return text;
}

}  // namespace quern::engine::testing
