#include "wire/diagnosis_json.h"

#include <array>
#include <utility>

#include "quern/protocol/json_writer.h"
#include "wire/read_object.h"

namespace quern::sdk {
namespace {

// In the order in which they are shown.
constexpr std::array<std::pair<std::string_view, std::uint64_t Diagnosis::*>, 4> count_names{{
    {"queues", &Diagnosis::queue_count},
    {"tasks", &Diagnosis::task_count},
    {"index_entries", &Diagnosis::index_entry_count},
    {"finding_count", &Diagnosis::finding_count},
}};

bool read_finding(JsonReader& json, Finding& finding) {
  return read_object(json, [&](std::string_view key) {
    if (key == "text") return json.read_string(finding.text);
    return key == "mendable" && json.read_bool(finding.mendable);
  });
}

bool read_count(JsonReader& json, std::string_view key, Diagnosis& diagnosis) {
  for (const auto& [name, member] : count_names) {
    if (key != name) continue;
    std::int64_t value = 0;
    if (!json.read_int64(value)) return false;
    diagnosis.*member = static_cast<std::uint64_t>(value);
    return true;
  }
  return false;
}

}  // namespace

bool read_diagnosis(JsonReader& json, Diagnosis& diagnosis) {
  bool says_sound = false;
  const bool is_object = read_object(json, [&](std::string_view key) {
    if (key == "sound") return says_sound = json.read_bool(diagnosis.sound);
    if (key != "findings") return read_count(json, key, diagnosis);
    return read_array(json, [&] { return read_finding(json, diagnosis.findings.emplace_back()); });
  });
  return is_object && says_sound;
}

}  // namespace quern::sdk

namespace quern {

std::string to_json(const Diagnosis& diagnosis) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.key("sound").boolean(diagnosis.sound);
  for (const auto& [name, member] : sdk::count_names) json.key(name).number(diagnosis.*member);
  json.key("findings").begin_array();
  for (const Finding& finding : diagnosis.findings) {
    json.begin_object();
    json.key("text").string(finding.text);
    json.key("mendable").boolean(finding.mendable);
    json.end_object();
  }
  json.end_array().end_object();
  return text;
}

}  // namespace quern
