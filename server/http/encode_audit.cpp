#include "http/encode.h"

namespace quern::http {

void write_audit(JsonWriter& json, const engine::AuditReport& report) {
  json.key("sound").boolean(report.sound());
  json.key("queues").number(report.queue_count);
  json.key("tasks").number(report.task_count);
  json.key("index_entries").number(report.entry_count);
  json.key("finding_count").number(report.finding_count);
  json.key("findings").begin_array();
  for (const engine::Finding& finding : report.findings) {
    json.begin_object();
    json.key("text").string(finding.text);
    json.key("mendable").boolean(finding.mendable);
    json.end_object();
  }
  json.end_array();
}

}  // namespace quern::http
