#include "backup_check.h"

#include "engine/audit.h"
#include "quern/storage/backups.h"

namespace quern::server {

Result<std::vector<std::string>> check_backup(const std::filesystem::path& directory,
                                              std::uint32_t id, const std::stop_token& stop) {
  constexpr std::size_t findings_max = 20;
  Result<std::vector<std::string>> findings = storage::check_backup_files(directory, id, stop);
  if (!findings || !findings->empty()) return findings;
  const auto found = [&](const Error& error) -> Result<std::vector<std::string>> {
    if (error.code == ErrorCode::draining) return error;
    return std::vector<std::string>{error.detail};
  };
  const Result<std::unique_ptr<storage::Reader>> store = storage::open_backup(directory, id, stop);
  if (!store) return found(store.error());
  const Result<engine::AuditReport> report = engine::audit(**store, findings_max);
  if (stop.stop_requested()) {
    return Error{.code = ErrorCode::draining,
                 .detail = "the server is stopping: the look at the backup was ended",
                 .retry_after_seconds = 5};
  }
  if (!report) return found(report.error());
  for (const engine::Finding& finding : report->findings) findings->push_back(finding.text);
  if (report->finding_count > report->findings.size()) {
    findings->push_back("and " + std::to_string(report->finding_count - report->findings.size()) +
                        " more");
  }
  return findings;
}

}  // namespace quern::server
