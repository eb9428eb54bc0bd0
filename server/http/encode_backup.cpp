#include "http/encode.h"

namespace quern::http {

void write_backup(JsonWriter& json, const storage::Backup& backup) {
  json.begin_object();
  json.key("id").number(std::uint64_t{backup.id});
  json.key("damaged").boolean(backup.damaged);
  // Of a damaged one nothing else can be believed.
  if (!backup.damaged) {
    json.key("created_at").time(backup.created_at);
    json.key("bytes").number(backup.bytes);
    json.key("own_bytes").number(backup.own_bytes);
    json.key("file_count").number(backup.file_count);
  }
  json.end_object();
}

void write_backup_check(JsonWriter& json, std::uint32_t id,
                        const std::vector<std::string>& findings) {
  json.begin_object();
  json.key("id").number(std::uint64_t{id});
  json.key("sound").boolean(findings.empty());
  json.key("findings").begin_array();
  for (const std::string& finding : findings) json.string(finding);
  json.end_array();
  json.end_object();
}

}  // namespace quern::http
