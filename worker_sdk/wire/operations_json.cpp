#include "wire/operations_json.h"

#include "quern/protocol/json_writer.h"
#include "wire/read_object.h"
#include "wire/task_json.h"

namespace quern::sdk {
namespace {

template <typename Number>
bool read_number(JsonReader& json, Number& out) {
  std::int64_t value = -1;
  if (!json.read_int64(value) || value < 0) return false;
  out = static_cast<Number>(value);
  return true;
}

}  // namespace

bool read_drain_status(JsonReader& json, DrainStatus& status) {
  bool found = false;
  const bool is_object = read_object(json, [&](std::string_view key) {
    if (key != "running") return false;
    return found = read_number(json, status.running);
  });
  return is_object && found;
}

bool read_backup(JsonReader& json, Backup& backup) {
  const bool is_object = read_object(json, [&](std::string_view key) {
    if (key == "id") return read_number(json, backup.id);
    if (key == "damaged") return json.read_bool(backup.damaged);
    if (key == "bytes") return read_number(json, backup.bytes);
    if (key == "own_bytes") return read_number(json, backup.own_bytes);
    if (key == "file_count") return read_number(json, backup.file_count);
    if (key != "created_at") return false;
    std::optional<Timestamp> time;
    if (!read_timestamp(json, time)) return false;
    backup.created_at = time.value_or(Timestamp{});
    return true;
  });
  return is_object && backup.id > 0;
}

bool read_backup_check(JsonReader& json, BackupCheck& check) {
  bool found = false;
  const bool is_object = read_object(json, [&](std::string_view key) {
    if (key == "id") return read_number(json, check.id);
    if (key != "findings") return false;
    return found =
               read_array(json, [&] { return json.read_string(check.findings.emplace_back()); });
  });
  return is_object && found && check.id > 0;
}

}  // namespace quern::sdk

namespace quern {

std::string to_json(const DrainStatus& status) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.key("status").string(status.drained() ? "drained" : "draining");
  json.key("running").number(status.running);
  json.end_object();
  return text;
}

std::string to_json(const Backup& backup) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.key("id").number(std::uint64_t{backup.id});
  json.key("damaged").boolean(backup.damaged);
  if (!backup.damaged) {
    json.key("created_at").time(backup.created_at);
    json.key("bytes").number(backup.bytes);
    json.key("own_bytes").number(backup.own_bytes);
    json.key("file_count").number(backup.file_count);
  }
  json.end_object();
  return text;
}

std::string to_json(const BackupCheck& check) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.key("id").number(std::uint64_t{check.id});
  json.key("sound").boolean(check.sound());
  json.key("findings").begin_array();
  for (const std::string& finding : check.findings) json.string(finding);
  json.end_array().end_object();
  return text;
}

}  // namespace quern
