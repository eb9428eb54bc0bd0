#include "doctor.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <filesystem>
#include <optional>

#include "engine/audit.h"
#include "http/encode.h"
#include "quern/protocol/json_writer.h"
#include "quern/storage/rocks_examination.h"

namespace quern::server {
namespace {

constexpr int sound_status = 0;
constexpr int unsound_status = 1;
constexpr int usage_status = 2;

struct Request {
  std::filesystem::path data;
  bool repair = false;
  bool json = false;
};

// All that was found, of files and of records.
struct Diagnosis {
  std::vector<std::string> file_findings;
  engine::AuditReport report;
  std::uint64_t mended_count = 0;

  bool sound() const { return file_findings.empty() && report.sound(); }
};

Result<Diagnosis> examine(const Request& request) {
  Result<std::unique_ptr<storage::RocksExamination>> store =
      storage::examine_rocks_store({.directory = request.data});
  if (!store) return std::move(store).error();
  Diagnosis diagnosis{.file_findings = (*store)->findings()};
  if (Result<void> verified = (*store)->verify_checksums(); !verified) {
    diagnosis.file_findings.push_back(verified.error().detail);
  }
  Result<engine::AuditReport> report = engine::audit(**store);
  if (!report) {
    // A damaged block ends the walk; its file is named.
    diagnosis.file_findings.push_back(report.error().detail);
    return diagnosis;
  }
  diagnosis.report = *std::move(report);
  return diagnosis;
}

// Opens the store as the server would, with all its refusals.
Result<std::uint64_t> repair(const Request& request) {
  Result<std::unique_ptr<storage::Store>> store =
      storage::open_rocks_store({.directory = request.data});
  if (!store) return std::move(store).error();
  const Result<engine::AuditReport> mended = engine::repair(**store);
  if (!mended) return mended.error();
  return mended->mendable_count;
}

std::string as_json(const Diagnosis& diagnosis) {
  engine::AuditReport report = diagnosis.report;
  report.finding_count += diagnosis.file_findings.size();
  std::vector<engine::Finding> findings;
  for (const std::string& text : diagnosis.file_findings) findings.push_back({.text = text});
  report.findings.insert(report.findings.begin(), findings.begin(), findings.end());
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  http::write_audit(json, report);
  json.key("mended").number(diagnosis.mended_count);
  json.end_object();
  return text + "\n";
}

std::string as_text(const Request& request, const Diagnosis& diagnosis) {
  const engine::AuditReport& report = diagnosis.report;
  std::string text = request.data.string() + ": " + std::to_string(report.queue_count) +
                     " queues, " + std::to_string(report.task_count) + " tasks, " +
                     std::to_string(report.entry_count) + " index entries\n";
  if (diagnosis.mended_count > 0) {
    text += "rebuilt from the records: " + std::to_string(diagnosis.mended_count) + "\n";
  }
  for (const std::string& finding : diagnosis.file_findings) text += "  file: " + finding + "\n";
  for (const engine::Finding& finding : report.findings) {
    text += std::string(finding.mendable ? "  can be rebuilt: " : "  lost: ") + finding.text + "\n";
  }
  if (report.finding_count > report.findings.size()) {
    text += "  and " + std::to_string(report.finding_count - report.findings.size()) + " more\n";
  }
  if (diagnosis.sound()) return text + "sound\n";
  if (report.mendable_count > 0) text += "quernd doctor --repair rebuilds what can be rebuilt\n";
  return text + "not sound\n";
}

}  // namespace

CommandOutput run_doctor(const std::vector<std::string>& arguments) {
  Request request;
  CLI::App app("Checks all that a data directory holds. The server must be stopped.",
               "quernd doctor");
  app.add_option("--data", request.data, "The server's data directory")
      ->type_name("DIR")
      ->required();
  app.add_flag("--repair", request.repair,
               "Rebuild indexes, counters and cursors from the records");
  app.add_flag("--json", request.json, "Print one JSON object");
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    return {.status = sound_status, .output = app.help(), .errors = {}};
  } catch (const CLI::ParseError& error) {
    return {.status = usage_status,
            .output = {},
            .errors = "quernd doctor: " + std::string(error.what()) + "\n"};
  }

  const auto failed = [](const Error& error) {
    return CommandOutput{
        .status = unsound_status, .output = {}, .errors = "quernd doctor: " + error.detail + "\n"};
  };
  std::uint64_t mended = 0;
  if (request.repair) {
    const Result<std::uint64_t> done = repair(request);
    if (!done) return failed(done.error());
    mended = *done;
  }
  Result<Diagnosis> diagnosis = examine(request);
  if (!diagnosis) return failed(diagnosis.error());
  diagnosis->mended_count = mended;
  return {.status = diagnosis->sound() ? sound_status : unsound_status,
          .output = request.json ? as_json(*diagnosis) : as_text(request, *diagnosis),
          .errors = {}};
}

}  // namespace quern::server
